"""From the networks' gains to the stems' spectra, on one block of frames at a time.

A block is processed one range of bins after another, each through all its
steps, so that the many passes of the filter find their data in cache.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch

from ...options.config import SeparationConfig
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
from .output_layers import Head, Ranges
from .rows import Sequence

LONG_WINDOW = 512
"""Windows of the EM up to this many frames are one block; longer ones are measured first."""


class BlockMemory:
    """Memory for the spectra of a block, the same for every block that a thread works on.

    It is too large for the allocator to keep, and fresh pages cost more than
    the arithmetic that fills them.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def take(self, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """Return a tensor of some shape, of the kind of another; what it holds is left over."""
        size = math.prod(shape)
        kept: torch.Tensor | None = getattr(self._local, "kept", None)
        if kept is None or kept.numel() < size:
            kept = self._local.kept = torch.empty(size, dtype=like.dtype, device=like.device)
        return kept[:size].view(shape)


@dataclass
class Measurement:
    """What the EM needs to know of a window that spans several blocks."""

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
    """What is known of one long window of the EM."""

    scale: torch.Tensor | None = None
    covariances: list[list[torch.Tensor]] = field(default_factory=list)
    """For each iteration so far, for each range of bins."""


class Filter:
    """Separates blocks of frames of one track.

    Parameters
    ----------
    head : Head
    ranges : list of (int, int)
        Ranges of bins, as the head was built for.
    framing : Framing
    config : SeparationConfig
    sequences : list of Sequence
        For each network what its output layer reads.
    frames : int
        Frames of the track.
    limit : int
        Frames of a block where no window of the EM decides.
    device : torch.device
    memory : BlockMemory
    """

    def __init__(
        self,
        head: Head,
        ranges: Ranges,
        framing: Framing,
        config: SeparationConfig,
        sequences: list[Sequence],
        frames: int,
        limit: int,
        device: torch.device,
        memory: BlockMemory,
    ) -> None:
        self._head = head
        self._ranges = ranges
        self._framing = framing
        self._config = config
        self._sequences = sequences
        self._frames = frames
        self._limit = limit
        self._device = device
        self._memory = memory
        targets = len(head.targets)
        self._stems = targets + config.residual
        # The EM tells sources apart, so a single target is given the rest as its opponent.
        self._residual = config.residual or (config.niter > 0 and targets == 1)
        self._window = config.wiener_win_len or frames
        self._long: dict[int, _Window] | None = (
            {} if config.niter and self._window > LONG_WINDOW else None
        )

    @property
    def context(self) -> int:
        """Frames on either side of a block that its stretch has beside its own."""
        return self._head.context

    @cached_property
    def block_sizes(self) -> list[int]:
        """Frames of each block in turn."""
        if not self._config.niter:
            return block_sizes(self._frames, self._limit)
        size = self._window if self._long is None else self._limit
        return block_sizes(self._frames, size, self._window)

    @cached_property
    def _sizes(self) -> dict[int, int]:
        """The size of each block, by its first frame."""
        return dict(zip(accumulate(self.block_sizes, initial=0), self.block_sizes, strict=False))

    @property
    def readings(self) -> int:
        """How many times `measure` must see the whole track before `separate`."""
        return 0 if self._long is None else self._config.niter

    def measure(self, first: int, stretch: Audio) -> tuple[int, Measurement]:
        """Measure a block of a long window after the iterations that are settled so far."""
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
        """Fix one more iteration's covariances from the measurements of all blocks.

        Yields
        ------
        int
            The first frame of each block, as it is taken in.
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
            The samples that the block's frames and their context cover.

        Returns
        -------
        first : int
        segment : ndarray, shape (stems, channels, samples)
            As `unmixcli.signal.stft.overlap_add` leaves it.
        """
        spectrum, gains_of = self._read(first, stretch)
        stems = self._memory.take((self._stems, *spectrum.shape), spectrum)
        window = self._known(first)
        scale = window.scale
        if self._config.niter and scale is None:
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
        """Return a block's spectrum and what gives its gains, of a stretch with its context."""
        spectrum = stft(torch.from_numpy(stretch).to(self._device), self._framing)
        begin = max(0, first - self._head.context)
        end = begin + spectrum.shape[1]
        rows = [sequence.read(begin, end).to(spectrum.device) for sequence in self._sequences]
        wanted = slice(first - begin, first - begin + self._sizes[first])
        gains_of = self._head(rows, spectrum, wanted, refined=self._config.niter > 0)
        return spectrum[:, wanted], gains_of

    def _gains(
        self, spectrum: torch.Tensor, gains_of: Callable[[int], torch.Tensor]
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """Yield each range's index, its part of the spectrum and the first estimates' gains."""
        config = self._config
        for k, (low, high) in enumerate(self._ranges):
            part = spectrum[..., low:high]
            gains = gains_of(k)
            if gains.shape[1] < part.shape[0]:
                magnitude = magnitude_of(part)
                gains = gains_of_magnitudes(gains * magnitude.mean(0), magnitude)
            if config.softmask:
                gains = ratio_mask(gains, magnitude_of(part), config.alpha, self._residual)
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
        """Run the EM on one range of bins, with covariances known or measured here."""
        power, statistics = masked_power(gains, mixture)
        for iteration in range(self._config.niter):
            covariance = known[iteration] if known else statistics.spatial_covariance(scale)
            if iteration == self._config.niter - 1:
                wiener_filter(power, covariance, mixture, scale, out)
            else:
                estimates = torch.empty_like(gains, dtype=out.dtype)
                wiener_filter(power, covariance, mixture, scale, estimates)
                power, statistics = estimate_power(estimates)
