"""Run a chain: one model after the other, each on the output of earlier ones.

A model may read its mixture several times. All stages but the last therefore run
to their end and store their stems in temporary files; the last one is streamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...audio.blocks import BlockReader, crop
from ...audio.resampling import AdaptedMixture, fit_channels, resample
from ...options.mixes import MIXTURE
from ..cards import ModelCard
from ..interface import Block, Derived, Mixture, Model, Progress, Request
from ..known import PartsOptions
from .part import Part, finish
from .spool import Spool, write_all

Key = tuple[int, str]
"""A stem: its stage (-1 for the mixture), and its name in the stage."""


@dataclass(frozen=True)
class _Stage:
    """A stage to run."""

    number: int
    part: Part
    terms: tuple[tuple[float, Key], ...]
    """Its input: weighted stems."""
    outputs: dict[str, str]
    """For each target of the chain that it estimates, its own name for it."""


class Chain:
    """A sequence of models as one model; see `unmixcli.models.interface.Model`.

    Parameters
    ----------
    card : ModelCard
    models : sequence of Model or None
        The models of the card's members; None for a stage that no wanted target needs.
    targets : sequence of str
        The wanted targets.
    """

    def __init__(
        self, card: ModelCard, models: Sequence[Model | None], targets: Sequence[str]
    ) -> None:
        self.targets = tuple(targets)
        self.sample_rate = card.sample_rate
        self.channels = card.channels
        self._stages: list[_Stage] = []
        described = card.parameters["stages"]
        for k, (member, model, stage) in enumerate(
            zip(card.members, models, described, strict=True)
        ):
            if model is None:
                continue
            part = Part(member.card, model, member.targets_for(targets))
            terms = tuple((gain, (source, own)) for gain, source, own in stage["input"])
            kept = {ours: own for own, ours in stage["names"].items() if ours in stage["keep"]}
            outputs = {ours: own for ours, own in kept.items() if ours in targets}
            self._stages.append(_Stage(k, part, terms, outputs))

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        options: PartsOptions = request.options
        temp_dir = request.temp_dir
        count = len(self._stages)
        audio: dict[Key, Mixture] = {(-1, MIXTURE): mixture}
        last = self._stages[-1]
        with ExitStack() as stack:
            for k, stage in enumerate(self._stages):
                heard = _input(stage.terms, audio, mixture)
                rate, channels, stems = stage.part.separate_natively(
                    heard, options.parts[stage.number], temp_dir, _step(progress, k, count)
                )
                stack.enter_context(closing(stems))
                if stage is last:
                    yield from self._deliver(stems, (rate, channels), audio, mixture)
                    finish([stems])
                    return
                length = AdaptedMixture(heard, rate, channels).length
                spools: list[Spool | None] = []
                for own in stage.part.targets:
                    spool = Spool(rate, channels, length, temp_dir)
                    audio[stage.number, own] = stack.enter_context(spool)
                    spools.append(spool)
                write_all(stems, spools)

    def _deliver(
        self,
        stems: Iterator[Block],
        form: tuple[int, int],
        audio: dict[Key, Mixture],
        mixture: Mixture,
    ) -> Iterator[Block]:
        """Yield the targets of the last stage, together with those of earlier stages."""
        last = self._stages[-1]
        waiting: dict[str, BlockReader] = {}
        for stage in self._stages[:-1]:
            for ours, own in stage.outputs.items():
                spool = audio[stage.number, own]
                ready = _at(spool.blocks(), (spool.sample_rate, spool.channels), mixture)
                waiting[ours] = BlockReader(ready)
        rows = {ours: last.part.targets.index(own) for ours, own in last.outputs.items()}
        done = 0
        for block in _at(stems, form, mixture):
            first, done = done, done + block.shape[-1]
            if first < done:
                yield np.stack(
                    [
                        block[rows[target]] if target in rows else waiting[target].read(first, done)
                        for target in self.targets
                    ]
                )


def _input(
    terms: Sequence[tuple[float, Key]], audio: dict[Key, Mixture], mixture: Mixture
) -> Mixture:
    """Return the input of a stage: a stem, or a sum of stems."""
    if len(terms) == 1 and terms[0][0] == 1:
        return audio[terms[0][1]]
    return _Sum(tuple((gain, audio[key]) for gain, key in terms), mixture)


@dataclass(frozen=True)
class _Sum(Derived):
    """A weighted sum of audio, with the rate and channels of the chain's mixture."""

    terms: tuple[tuple[float, Mixture], ...]
    mixture: Mixture

    def blocks(self) -> Iterator[Block]:
        readers = [
            (gain, BlockReader(_at(term.blocks(), (term.sample_rate, term.channels), self.mixture)))
            for gain, term in self.terms
        ]
        step = 65536
        for first in range(0, self.length, step):
            end = min(first + step, self.length)
            total = np.zeros((self.channels, end - first), np.float32)
            for gain, reader in readers:
                total += np.float32(gain) * reader.read(first, end)
            yield total


def _at(stream: Iterator[Block], form: tuple[int, int], mixture: Mixture) -> Iterator[Block]:
    """Convert audio to the rate, the channels and the length of a mixture."""
    rate, _ = form
    fitted = (fit_channels(block, mixture.channels) for block in stream)
    ready = resample(fitted, rate, mixture.sample_rate, mixture.length)
    return crop(ready, 0, mixture.length)


def _step(progress: Progress, place: int, count: int) -> Progress:
    """Return the callback for one of several stages."""

    def report(stage: str, fraction: float) -> None:
        progress(f"{place + 1}/{count} {stage}" if count > 1 else stage, (place + fraction) / count)

    return report
