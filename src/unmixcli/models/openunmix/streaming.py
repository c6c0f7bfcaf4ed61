"""An Open-Unmix model as a stream: the whole-track result in bounded memory.

The mixture is read twice. The first reading (`_analyse`) leaves a few hundred
numbers a frame for every network; the LSTM layers (`recurrence`) run over
those, each direction from its own end; the second reading (`_synthesise`)
turns them into gains, filters the mixture and transforms back. Frames,
windows of the EM and overlaps carry across blocks, so no block shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch

from ...options.config import SeparationConfig
from ...signal.stft import Audio, Framing, OverlapAdd, block_sizes, frame_blocks, stft
from ..interface import Block, Mixture, Progress
from ..workers import Workers
from .filtering import BlockMemory, Filter
from .input_layers import Front
from .network import Trunk
from .output_layers import Head, Ranges
from .recurrence import Recurrence
from .rows import Sequence, SequenceStore

ANALYSIS_FRAMES = 300
"""Frames of a block of the first reading."""
SYNTHESIS_FRAMES = 256
"""Frames of a block of the second reading, unless a window of the EM decides."""

Fraction = Callable[[float], None]

_STAGES = {"analysing": 0.2, "listening": 0.45, "separating": 0.35}
"""Stages and their shares of the work."""


class OpenUnmix:
    """Networks that together separate a mixture; see `unmixcli.models.interface.Model`.

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
        self, mixture: Mixture, config: SeparationConfig, progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        frames = self._framing.frames(mixture.length)
        recurrence = Recurrence(self._trunks, self._workers, self._device, frames)
        with SequenceStore(frames, recurrence.widths, config.temp_dir) as store:
            sequences = [store.add(trunk.hidden) for trunk in self._trunks]
            self._analyse(mixture, sequences, _stage(progress, "analysing"))
            recurrence.run(sequences, store, _stage(progress, "listening"))
            limit = self._workers.block_size(frames, SYNTHESIS_FRAMES)
            filtering = Filter(
                self._head,
                self._ranges,
                self._framing,
                config,
                sequences,
                frames,
                limit,
                self._device,
                self._memory,
            )
            yield from self._synthesise(mixture, filtering, _stage(progress, "separating"))

    def _analyse(self, mixture: Mixture, sequences: list[Sequence], progress: Fraction) -> None:
        """Run the input layers of all networks over the mixture."""
        frames = self._framing.frames(mixture.length)
        sizes = block_sizes(frames, self._workers.block_size(frames, ANALYSIS_FRAMES))
        stretches = frame_blocks(mixture.blocks(), self._framing, sizes)
        for end in self._workers.map(partial(self._read_in, sequences), stretches):
            progress(end / frames)

    def _read_in(self, sequences: list[Sequence], first: int, stretch: Audio) -> int:
        """Store what the input layers make of a block; return the frame after it."""
        spectrum = stft(torch.from_numpy(stretch).to(self._device), self._framing)
        rows = self._front(spectrum).cpu()
        parts = torch.split(rows, [trunk.hidden for trunk in self._trunks], -1)
        for sequence, own in zip(sequences, parts, strict=True):
            sequence.write(first, own)
        return first + rows.shape[0]

    def _synthesise(
        self, mixture: Mixture, filtering: Filter, progress: Fraction
    ) -> Iterator[Block]:
        """Filter the mixture with what the networks say, and transform back."""
        frames = self._framing.frames(mixture.length)
        readings = filtering.readings + 1

        def stretches() -> Iterator[tuple[int, Audio]]:
            return frame_blocks(
                mixture.blocks(), self._framing, filtering.block_sizes, filtering.context
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


def _stage(report: Progress, stage: str) -> Fraction:
    """Report the progress of one stage as progress of the whole."""
    names = list(_STAGES)
    before = sum(_STAGES[name] for name in names[: names.index(stage)])
    return lambda fraction: report(stage, before + _STAGES[stage] * fraction)
