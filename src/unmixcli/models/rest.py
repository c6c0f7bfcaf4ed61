"""A target that no network estimates: what the others leave of the mixture."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..audio.blocks import BlockReader
from .interface import Block, Mixture, Model, Progress, Request


class WithRest:
    """A model with one target more, the mixture minus all of its own.

    Parameters
    ----------
    model : Model
    rest : str
        The name of what is left, such as ``instrumental``.
    targets : sequence of str
        Those wanted, of the model's and `rest`, in the order wanted.

    Notes
    -----
    The difference is taken when the stems are final, so that stems and rest add
    up to the mixture as exactly as float32 numbers can.
    """

    def __init__(self, model: Model, rest: str, targets: Sequence[str]) -> None:
        self.targets = tuple(targets)
        self.sample_rate = model.sample_rate
        self.channels = model.channels
        self._model = model
        own = [*model.targets, rest]
        self._rows = [own.index(target) for target in targets]

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        heard = _Heard(mixture)
        for stems in self._model.separate(heard, request, progress):
            rest = heard.take(stems.shape[-1]) - stems.sum(0)
            yield np.concatenate([stems, rest[np.newaxis]])[self._rows]


class _Heard:
    """A mixture that keeps what is read of it until it is taken.

    A model reads only a few segments ahead of its stems, so that is all that is kept.
    """

    def __init__(self, mixture: Mixture) -> None:
        self.sample_rate = mixture.sample_rate
        self.channels = mixture.channels
        self.length = mixture.length
        self._mixture = mixture
        self._taken = 0
        self._reader: BlockReader | None = None

    def blocks(self) -> Iterator[Block]:
        """Read from the start; what an earlier reading left is forgotten."""
        kept: deque[Block] = deque()
        self._reader = BlockReader(kept.popleft() for _ in iter(lambda: bool(kept), False))
        self._taken = 0
        for block in self._mixture.blocks():
            kept.append(block)
            yield block

    def take(self, samples: int) -> Block:
        """Return the next samples of those that were read."""
        assert self._reader is not None  # stems come from what was read
        first, self._taken = self._taken, self._taken + samples
        return self._reader.read(first, self._taken)
