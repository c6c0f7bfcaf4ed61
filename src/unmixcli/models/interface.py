"""The plugin interface: what a model is to the rest of the program.

A plugin is an object named by an entry point of the group ``unmixcli.models``.
It offers cards and turns one card with its weights into a `Model`; a model
turns a stream of the mixture into a stream of stems. Everything here is a
protocol, so a plugin needs no base class of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..options.config import SeparationConfig
    from .cards import ModelCard

Block = NDArray[np.float32]
"""Audio: (channels, samples) of a mixture, (stems, channels, samples) of stems."""

Progress = Callable[[str, float], None]
"""Called with the stage that work is in and the fraction of the whole done, 0 to 1."""


class Mixture(Protocol):
    """A recording at the model's rate, readable from its start any number of times."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    @property
    def channels(self) -> int:
        """1 or 2."""
        ...

    @property
    def length(self) -> int:
        """Samples per channel; the blocks of one reading add up to it."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Read from the start: float32 blocks (channels, samples), finite, of any length."""
        ...


class Model(Protocol):
    """A loaded model. One instance may separate several mixtures at once, in threads."""

    targets: tuple[str, ...]
    sample_rate: int
    channels: int | None
    """Channels that the mixture must have; None takes one or two alike."""

    def separate(
        self, mixture: Mixture, config: SeparationConfig, progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture.

        Yields
        ------
        ndarray, shape (stems, channels, samples), float32
            Consecutive blocks, in the order of ``config.stem_names(self.targets)``
            (the targets, then the residual where one is asked for), that add up
            to exactly ``mixture.length`` samples.
        """
        ...


class Plugin(Protocol):
    """What an entry point of the group ``unmixcli.models`` names.

    Three more attributes are looked for, which a plugin may have:

    ``options``
        A pydantic model of options that only its models have.
    ``check(card)``
        Raises `ModelError` if a model cannot work on this machine; called
        before its weights are fetched.
    ``folder_card(folder)``
        Returns the card of a model in a user's folder, or None if it is not one of its kind.
    """

    def cards(self) -> Iterable[ModelCard]:
        """Return the models that this plugin offers; must be quick and not import torch."""
        ...

    def load(
        self,
        card: ModelCard,
        weights: Mapping[str, Path],
        targets: Sequence[str],
        device: str,
    ) -> Model:
        """Build a model.

        Parameters
        ----------
        card : ModelCard
            One of this plugin's cards.
        weights : mapping of str to Path
            The verified local file of each of the card's weights that the
            targets need, by the file name in the card.
        targets : sequence of str
            Targets to estimate, a subset of ``card.targets``, in the order wanted.
        device : str
            A torch device such as ``cpu``, ``cuda:0`` or ``mps``.

        Raises
        ------
        ModelError
            If a file is not what the card says.
        """
        ...
