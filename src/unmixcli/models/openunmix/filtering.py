"""Compute the stems' spectra from the networks' gains, one block of frames at a time.

A block is processed in ranges of bins, each through all steps, so that the many
passes of the filter find their data in cache.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch

from ...signal.em import (
    MixtureSpectrum,
    Statistics,
    estimate_power,
    masked_power,
    squared_scale,
    wiener_filter,
)
from ...signal.masks import apply_gains, gains_of_magnitudes, ratio_mask, residual_gain
from ...signal.stft import Audio, Framing, block_sizes, magnitude_of, overlap_add, stft
from ..interface import Request
from .options import Options
from .output_layers import Head, Ranges
from .rows import Sequence

LONG_WINDOW = 512
"""EM windows of up to this many frames are one block; longer ones are measured first."""


class BlockMemory:
    """Memory for the spectra of a block, reused for all blocks of a thread.

    The allocator does not keep blocks of this size, and fresh pages cost more
    time than the arithmetic that fills them.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def take(self, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """Return an uninitialised tensor with the type and device of ``like``."""
        size = math.prod(shape)
        kept: torch.Tensor | None = getattr(self._local, "kept", None)
        if kept is None or kept.numel() < size:
            kept = self._local.kept = torch.empty(size, dtype=like.dtype, device=like.device)
        return kept[:size].view(shape)


@dataclass
class Measurement:
    """The facts that the EM needs about a window that spans several blocks."""

    peak: torch.Tensor
    statistics: list[Statistics]
    """One for each range of bins."""

    def __add__(self, other: Measurement) -> Measurement:
        """Join the measurements of two blocks of the same window."""
        return Measurement(
            torch.maximum(self.peak, other.peak),
            [
                Statistics(mine.outer + theirs.outer, mine.power + theirs.power)
                for mine, theirs in zip(self.statistics, other.statistics, strict=True)
            ],
        )


@dataclass
class _Window:
    """The known facts about one long window of the EM."""

    scale: torch.Tensor | None = None
    covariances: list[list[torch.Tensor]] = field(default_factory=list)
    """One list per iteration so far, with one covariance per range of bins."""


class Filter:
    """Separates blocks of frames of one track.

    Parameters
    ----------
    head : Head
    ranges : list of (int, int)
        Ranges of bins that the head was built for.
    framing : Framing
    request : Request
    sequences : list of Sequence
        For each network, the input of its output layer.
    frames : int
        Number of frames of the track.
    limit : int
        Largest block in frames, unless EM windows determine the blocks.
    device : torch.device
    memory : BlockMemory
    """

    def __init__(
        self,
        head: Head,
        ranges: Ranges,
        framing: Framing,
        request: Request[Options],
        sequences: list[Sequence],
        frames: int,
        limit: int,
        device: torch.device,
        memory: BlockMemory,
    ) -> None:
        self._head = head
        self._ranges = ranges
        self._framing = framing
        self._options = options = request.options
        self._sequences = sequences
        self._frames = frames
        self._limit = limit
        self._device = device
        self._memory = memory
        targets = len(head.targets)
        self._stems = targets + request.residual
        # The EM needs at least two sources, so a single target gets the residual beside it.
        self._residual = request.residual or (options.niter > 0 and targets == 1)
        self._window = options.wiener_win_len or frames
        self._long: dict[int, _Window] | None = (
            {} if options.niter and self._window > LONG_WINDOW else None
        )

    @property
    def context(self) -> int:
        """Frames that a stretch has on either side of its block's own."""
        return self._head.context

    @cached_property
    def block_sizes(self) -> list[int]:
        """Number of frames of each block, in order."""
        if not self._options.niter:
            return block_sizes(self._frames, self._limit)
        size = self._window if self._long is None else self._limit
        return block_sizes(self._frames, size, self._window)

    @cached_property
    def _sizes(self) -> dict[int, int]:
        """The size of each block, by its first frame."""
        return dict(zip(accumulate(self.block_sizes, initial=0), self.block_sizes, strict=False))

    @property
    def readings(self) -> int:
        """How often `measure` must read the whole track before `separate`."""
        return 0 if self._long is None else self._options.niter

    def measure(self, first: int, stretch: Audio) -> tuple[int, Measurement]:
        """Measure a block of a long window, with the covariances of the finished iterations."""
        spectrum, gains_of = self._read(first, stretch)
        window = self._known(first)
        found = []
        for k, part, gains in self._gains(spectrum, gains_of):
            mixture = MixtureSpectrum.of(part)
            power, statistics = masked_power(gains, mixture)
            for covariances in window.covariances:
                assert window.scale is not None
                estimates = torch.empty_like(gains, dtype=part.dtype)
                wiener_filter(power, covariances[k], mixture, window.scale, estimates)
                power, statistics = estimate_power(estimates)
            found.append(statistics)
        return first, Measurement(magnitude_of(spectrum).amax(), found)

    def settle(self, measurements: Iterable[tuple[int, Measurement]]) -> Iterator[int]:
        """Compute the next iteration's covariances from the measurements of all blocks.

        Yields
        ------
        int
            The first frame of each block, when it has been added.
        """
        assert self._long is not None
        windows: dict[int, Measurement] = {}
        for first, measurement in measurements:
            index = first // self._window
            windows[index] = windows[index] + measurement if index in windows else measurement
            yield first
        for index, measurement in windows.items():
            window = self._long.setdefault(index, _Window())
            window.scale = scale = squared_scale(measurement.peak)
            window.covariances.append(
                [statistics.spatial_covariance(scale) for statistics in measurement.statistics]
            )

    def separate(self, first: int, stretch: Audio) -> tuple[int, Audio]:
        """Separate a block.

        Parameters
        ----------
        first : int
            Index of the block's first frame.
        stretch : ndarray, shape (channels, samples)
            The samples that the block's frames cover.

        Returns
        -------
        first : int
        segment : ndarray, shape (stems, channels, samples)
            The result of `unmixcli.signal.stft.overlap_add`.
        """
        spectrum, gains_of = self._read(first, stretch)
        stems = self._memory.take((self._stems, *spectrum.shape), spectrum)
        window = self._known(first)
        scale = window.scale
        if self._options.niter and scale is None:
            scale = squared_scale(magnitude_of(spectrum).amax())
        for k, part, gains in self._gains(spectrum, gains_of):
            start, end = self._ranges[k]
            out = stems[..., start:end]
            if scale is None:
                apply_gains(gains, part, out)
            else:
                known = [covariances[k] for covariances in window.covariances]
                self._refine(gains, MixtureSpectrum.of(part), scale, known, out)
        return first, overlap_add(stems, self._framing).cpu().numpy()

    def _known(self, first: int) -> _Window:
        return (self._long or {}).get(first // self._window, _Window())

    def _read(
        self, first: int, stretch: Audio
    ) -> tuple[torch.Tensor, Callable[[int], torch.Tensor]]:
        """Return the block's own spectrum and its gains by range, given a stretch with context."""
        spectrum = stft(torch.from_numpy(stretch).to(self._device), self._framing)
        begin = max(0, first - self.context)
        end = begin + spectrum.shape[1]
        rows = [sequence.read(begin, end).to(spectrum.device) for sequence in self._sequences]
        wanted = slice(first - begin, first - begin + self._sizes[first])
        gains_of = self._head(rows, spectrum, wanted, refined=self._options.niter > 0)
        return spectrum[:, wanted], gains_of

    def _gains(
        self, spectrum: torch.Tensor, gains_of: Callable[[int], torch.Tensor]
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """Yield each range's index, its part of the spectrum and the first gains."""
        options = self._options
        for k, (low, high) in enumerate(self._ranges):
            part = spectrum[..., low:high]
            gains = gains_of(k)
            if gains.shape[1] < part.shape[0]:
                magnitude = magnitude_of(part)
                gains = gains_of_magnitudes(gains * magnitude.mean(0), magnitude)
            if options.softmask:
                gains = ratio_mask(gains, magnitude_of(part), options.alpha, self._residual)
            elif self._residual:
                gains = torch.cat([gains, residual_gain(gains)])
            yield k, part, gains

    def _refine(
        self,
        gains: torch.Tensor,
        mixture: MixtureSpectrum,
        scale: torch.Tensor,
        known: list[torch.Tensor],
        out: torch.Tensor,
    ) -> None:
        """Run the EM on one range of bins; measure the covariances unless they are known."""
        power, statistics = masked_power(gains, mixture)
        for iteration in range(self._options.niter):
            covariance = known[iteration] if known else statistics.spatial_covariance(scale)
            if iteration == self._options.niter - 1:
                wiener_filter(power, covariance, mixture, scale, out)
            else:
                estimates = torch.empty_like(gains, dtype=out.dtype)
                wiener_filter(power, covariance, mixture, scale, estimates)
                power, statistics = estimate_power(estimates)
