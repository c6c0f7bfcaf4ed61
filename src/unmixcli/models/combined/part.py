"""A model as a part of another: all its targets, including the rest, at its input's rate."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.blocks import BlockReader
from ...audio.resampling import AdaptedMixture
from ..cards import ModelCard
from ..contract import Contract
from ..interface import Block, Mixture, Model, Progress, Request


@dataclass(frozen=True)
class Part:
    """A loaded model, used for some of its targets.

    Parameters
    ----------
    card : ModelCard
    model : Model
        Loaded for the targets that ``card.needed`` names.
    targets : sequence of str
        The wanted targets, possibly including the rest.
    """

    card: ModelCard
    model: Model
    targets: tuple[str, ...]

    def separate(
        self, mixture: Mixture, options: Any, temp_dir: Path | None, progress: Progress
    ) -> Generator[Block, None, None]:
        """Separate a mixture of any rate, in one or two channels.

        Yields
        ------
        ndarray, shape (targets, mixture.channels, samples)
            At the mixture's rate, and exactly as long in total.
        """
        model = self.model
        adapted = AdaptedMixture(mixture, model.sample_rate, model.channels or mixture.channels)
        stems = adapted.restore(self._estimates(adapted, options, temp_dir, progress))
        return self._pick(stems, mixture)

    def separate_natively(
        self, mixture: Mixture, options: Any, temp_dir: Path | None, progress: Progress
    ) -> tuple[int, int, Generator[Block, None, None]]:
        """Separate a mixture without resampling the stems, unless the rest is wanted.

        Returns
        -------
        sample_rate, channels : int
            Of the stems.
        stems : iterator of ndarray, shape (targets, channels, samples)
        """
        if self.card.rest in self.targets:  # the rest has frequencies above the model's range
            stems = self.separate(mixture, options, temp_dir, progress)
            return mixture.sample_rate, mixture.channels, stems
        model = self.model
        adapted = AdaptedMixture(mixture, model.sample_rate, model.channels or mixture.channels)
        estimates = self._estimates(adapted, options, temp_dir, progress)
        return adapted.sample_rate, adapted.channels, self._pick(estimates, adapted)

    def _estimates(
        self, adapted: AdaptedMixture, options: Any, temp_dir: Path | None, progress: Progress
    ) -> Iterator[Block]:
        """Yield the model's checked stems, shape (model.targets, channels, samples)."""
        model = self.model
        request = Request(options, False, temp_dir)
        contract = Contract(
            self.card.name, self.card.plugin, len(model.targets), adapted.channels, adapted.length
        )
        return contract.enforce(lambda: model.separate(adapted, request, progress))

    def _pick(self, stems: Iterator[Block], mixture: Mixture) -> Generator[Block, None, None]:
        """Pick the wanted targets, and subtract the estimates from the mixture for the rest."""
        rows = {target: row for row, target in enumerate(self.model.targets)}
        if tuple(rows) == self.targets:
            yield from stems
            return
        done = 0
        with_rest = self.card.rest in self.targets
        others = [rows[target] for target in self.card.whole if target in rows]
        reader = BlockReader(mixture.blocks() if with_rest else ())
        for block in stems:
            if not block.shape[-1]:
                continue
            first, done = done, done + block.shape[-1]
            picked = np.empty((len(self.targets), *block.shape[1:]), np.float32)
            for row, target in enumerate(self.targets):
                if target in rows:
                    picked[row] = block[rows[target]]
                else:
                    picked[row] = rest_of(reader.read(first, done), block[others])
            yield picked


def rest_of(mixture: Block, stems: Block) -> Block:
    """Subtract stems from a mixture one after the other, as the engine does."""
    rest = np.zeros(mixture.shape, np.float32)
    for stem in stems:
        rest -= stem
    rest += mixture
    return rest


def finish(streams: Iterable[Iterator[Block]]) -> None:
    """Run fully consumed streams to their end, because a model may still report errors."""
    for stream in streams:
        for _ in stream:
            pass
