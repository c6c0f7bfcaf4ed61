"""Run an Open-Unmix model as a stream: the result of the whole track in bounded memory.

The mixture is read twice. The first reading (`_analyse`) reduces it to a few
hundred numbers per frame for every network. The LSTM layers (`recurrence`) run
over these numbers, each direction from its own end. The second reading
(`_synthesise`) turns them into gains, filters the mixture and transforms back.
Frames, EM windows and overlaps continue across blocks, so the result does not
depend on the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ...signal.stft import Audio, Framing, OverlapAdd, block_sizes, frame_blocks, stft
from ..interface import Block, Derived, Mixture, Progress, Request
from ..workers import Workers
from .filtering import BlockMemory, Filter
from .input_layers import Front
from .network import Trunk
from .options import Options
from .output_layers import Head, Ranges
from .recurrence import Recurrence
from .rows import Sequence, SequenceStore

ANALYSIS_FRAMES = 300
"""Frames per block of the first reading."""
SYNTHESIS_FRAMES = 256
"""Frames per block of the second reading, unless EM windows determine the blocks."""

QUIETEST, LOUDEST = 2.0**-9, 64.0
"""Mixtures with a peak outside this range are scaled to a usual level for the networks."""

Fraction = Callable[[float], None]

_STAGES = {"analysing": 0.2, "listening": 0.45, "separating": 0.35}
"""Stages, and the share of the work that each takes."""


class OpenUnmix:
    """One or several networks that separate a mixture; see `unmixcli.models.interface.Model`.

    Parameters
    ----------
    trunks : list of Trunk
    front : Front
        The trunks' input layers.
    head : Head
        Their output layers.
    ranges : list of (int, int)
        Ranges of bins that the head was built for.
    framing : Framing
    sample_rate : int
        In Hz.
    device : torch.device
    """

    def __init__(
        self,
        trunks: list[Trunk],
        front: Front,
        head: Head,
        ranges: Ranges,
        framing: Framing,
        sample_rate: int,
        device: torch.device,
    ) -> None:
        self.targets = head.targets
        self.sample_rate = sample_rate
        self.channels = head.channels if head.channels > 1 else None
        self._trunks = trunks
        self._front = front
        self._head = head
        self._ranges = ranges
        self._framing = framing
        self._device = device
        self._workers = Workers(device)
        self._memory = BlockMemory()

    def separate(
        self, mixture: Mixture, request: Request[Options], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        frames = self._framing.frames(mixture.length)
        recurrence = Recurrence(self._trunks, self._workers, self._device, frames)
        with SequenceStore(frames, recurrence.widths, request.temp_dir) as store:
            sequences = [store.add(trunk.hidden) for trunk in self._trunks]
            peak = self._analyse(mixture, sequences, _stage(progress, "analysing"))
            gain = _gain_for(peak)
            if gain != 1:
                # The networks and the EM's regularisation expect music at a usual level.
                mixture = ScaledMixture(mixture, gain)
                self._analyse(mixture, sequences, _stage(progress, "analysing"))
            recurrence.run(sequences, store, _stage(progress, "listening"))
            limit = self._workers.block_size(frames, SYNTHESIS_FRAMES)
            filtering = Filter(
                self._head,
                self._ranges,
                self._framing,
                request,
                sequences,
                frames,
                limit,
                self._device,
                self._memory,
            )
            for block in self._synthesise(mixture, filtering, _stage(progress, "separating")):
                yield block if gain == 1 else block / np.float32(gain)

    def _analyse(self, mixture: Mixture, sequences: list[Sequence], progress: Fraction) -> float:
        """Run the input layers of all networks over the mixture; return its peak."""
        peak = 0.0
        frames = self._framing.frames(mixture.length)
        sizes = block_sizes(frames, self._workers.block_size(frames, ANALYSIS_FRAMES))
        stretches = frame_blocks(mixture.blocks(), mixture.length, self._framing, sizes)
        for end, loudest in self._workers.map(partial(self._read_in, sequences), stretches):
            peak = max(peak, loudest)
            progress(end / frames)
        return peak

    def _read_in(self, sequences: list[Sequence], first: int, stretch: Audio) -> tuple[int, float]:
        """Store the input layers' output for a block; return the frame after it and its peak."""
        spectrum = stft(torch.from_numpy(stretch).to(self._device), self._framing)
        rows = self._front(spectrum).cpu()
        parts = torch.split(rows, [trunk.hidden for trunk in self._trunks], -1)
        for sequence, own in zip(sequences, parts, strict=True):
            sequence.write(first, own)
        return first + rows.shape[0], float(np.abs(stretch).max(initial=0))

    def _synthesise(
        self, mixture: Mixture, filtering: Filter, progress: Fraction
    ) -> Iterator[Block]:
        """Filter the mixture with the networks' gains, and transform back."""
        frames = self._framing.frames(mixture.length)
        readings = filtering.readings + 1

        def stretches() -> Iterator[tuple[int, Audio]]:
            return frame_blocks(
                mixture.blocks(),
                mixture.length,
                self._framing,
                filtering.block_sizes,
                filtering.context,
            )

        for reading in range(filtering.readings):
            measurements = self._workers.map(filtering.measure, stretches())
            for first in filtering.settle(measurements):
                progress((reading + first / frames) / readings)
        joined = OverlapAdd(self._framing, mixture.length)
        for first, segment in self._workers.map(filtering.separate, stretches()):
            yield joined.push(segment)
            progress((filtering.readings + first / frames) / readings)
        progress(1.0)


@dataclass(frozen=True)
class ScaledMixture(Derived):
    """A mixture at another level; see `unmixcli.models.interface.Mixture`."""

    mixture: Mixture
    gain: float

    def blocks(self) -> Iterator[Block]:
        return (block * np.float32(self.gain) for block in self.mixture.blocks())


def _gain_for(peak: float) -> float:
    """Return the gain for a usual level: a power of two, which loses no precision."""
    if peak == 0 or QUIETEST <= peak <= LOUDEST:
        return 1.0
    return float(2.0 ** (-round(math.log2(peak)) - 2))


def _stage(report: Progress, stage: str) -> Fraction:
    """Convert the progress of one stage into progress of the whole."""
    names = list(_STAGES)
    before = sum(_STAGES[name] for name in names[: names.index(stage)])
    return lambda fraction: report(stage, before + _STAGES[stage] * fraction)
