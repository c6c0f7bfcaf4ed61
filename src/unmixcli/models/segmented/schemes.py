"""The schemes: how a track is cut, and the weights of each segment's estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import ModelError
from .segment import Segment, Window

SILENCE = 1e-12
"""A standard deviation below this counts as silence: 240 dB below full scale."""


@dataclass(frozen=True)
class TriangleScheme:
    """Demucs: real neighbours around every segment, triangular weights.

    A segment starts every ``stride`` samples. Around each, the network reads as
    much of the track as it needs; zeros follow only beyond the ends of the track.
    With ``demucs.apply.apply_model(shifts=0)`` on a normalised track, this
    gives the same stems.

    Parameters
    ----------
    segment : int
        Samples to estimate at a time: ``int(sample_rate * segment)``. If the
        checkpoint gives the seconds as a fraction, do not round it first.
    overlap : float
        Fraction of a segment that the next one estimates too, at least 0 and below 1.
    power : float
        Exponent of the weights, at least 1; larger is sharper.
    reads : int, optional
        Samples that the network reads at a time, at least ``segment``; by
        default only the segment itself, which may be shorter at the end.
    shortest : int
        The fewest samples that the network can read.

    References
    ----------
    A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
    of the ISMIR 2021 Workshop on Music Source Separation, 2021.
    """

    segment: int
    overlap: float = 0.25
    power: float = 1.0
    reads: int | None = None
    shortest: int = 1

    normalised = True
    averaged = True

    def __post_init__(self) -> None:
        if self.segment < 1 or not 0 <= self.overlap < 1 or self.stride < 1:
            raise ModelError(
                f"segments of {self.segment} samples cannot overlap by {self.overlap:g} of "
                "their length; give a longer segment or a smaller overlap"
            )
        if self.reads is not None and self.reads < self.segment:
            raise ModelError(
                f"the network reads {self.reads} samples at a time, so its segments cannot "
                f"have {self.segment}; give a shorter segment"
            )

    @property
    def stride(self) -> int:
        """Samples from one segment to the next."""
        return int((1 - self.overlap) * self.segment)

    def scale(self, deviation: float) -> float:
        """See `Scheme`: as in Demucs, 1e-8 avoids a division by zero for silence."""
        return deviation + 1e-8

    def border(self, length: int) -> int:
        """See `Scheme`."""
        return 0

    def segments(self, length: int) -> Iterator[Segment]:
        """See `Scheme`."""
        weights = triangle(self.segment, self.power)
        for first in range(0, length, self.stride):
            end = min(first + self.segment, length)
            around = max(self.reads or end - first, self.shortest) - (end - first)
            start = first - around // 2
            stop = end + around - around // 2
            read_first, read_end = max(0, start), min(stop, length)
            yield Segment(
                first,
                end,
                read_first,
                read_end,
                read_first - start,
                stop - read_end,
                False,
                weights[: end - first],
                min(first + self.stride, length),
            )


@dataclass(frozen=True)
class ChunkScheme:
    """Most other networks: reflected ends, chunks with short linear fades.

    A track that is long enough is extended by reflection at both ends, by a
    border of ``chunk - step`` samples, which is cut off again. A chunk starts
    every ``step`` samples. A chunk that is cut short by the end is filled up: by
    its own reflection if more than half of it exists, otherwise by zeros.

    Parameters
    ----------
    chunk : int
        Samples that the network reads at a time.
    num_overlap : int
        Chunks that estimate each sample, at least 1.
    normalised : bool
        Whether the network was trained on normalised tracks.

    Notes
    -----
    Without overlap (``num_overlap=1``) chunks do not fade into each other, and
    the zeros of the fades at both ends of each chunk remain in the stems.
    """

    chunk: int
    num_overlap: int = 4
    normalised: bool = False

    averaged = True

    def __post_init__(self) -> None:
        if not 1 <= self.num_overlap <= self.chunk:
            raise ModelError(
                f"chunks of {self.chunk} samples cannot overlap {self.num_overlap} times; "
                "give a longer chunk or a smaller overlap, of at least 1"
            )

    @property
    def step(self) -> int:
        """Samples from one chunk to the next."""
        return self.chunk // self.num_overlap

    def scale(self, deviation: float) -> float:
        """See `Scheme`."""
        return deviation if deviation > SILENCE else 1.0

    def border(self, length: int) -> int:
        """See `Scheme`."""
        border = self.chunk - self.step
        return border if length > 2 * border else 0

    def segments(self, length: int) -> Iterator[Segment]:
        """See `Scheme`; chunks that would lie completely in the last border are skipped."""
        border = self.border(length)
        total = length + 2 * border
        fade = self.chunk // 10
        for first in range(0, length + border, self.step):
            end = min(first + self.chunk, total)
            lacking = first + self.chunk - end
            weights = trapezium(self.chunk, fade, first > 0, first + self.step < total)
            yield Segment(
                first,
                end,
                first,
                end,
                0,
                lacking,
                end - first > self.chunk // 2,
                weights[: end - first],
                min(first + self.step, total),
            )


@dataclass(frozen=True)
class CrossFadeScheme:
    """Hybrid Demucs as in torchaudio's tutorial: each segment fades into the next.

    Segment k covers the samples from ``k * hop`` to ``(k + 1) * hop``. All
    segments but the first start ``overlap`` samples earlier; over these, the
    previous segment fades out while this one fades in, both linearly.

    Parameters
    ----------
    hop : int
        Samples that each segment adds.
    overlap : int
        Samples that neighbouring segments share, at most ``hop``.
    shortest : int
        The fewest samples that the network can read; shorter segments are filled with zeros.
    """

    hop: int
    overlap: int
    shortest: int = 1

    normalised = True
    averaged = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= self.hop or self.hop < 1:
            raise ModelError(
                f"segments of {self.hop} samples cannot share {self.overlap}; give a longer "
                "segment or a smaller overlap"
            )

    def scale(self, deviation: float) -> float:
        """See `Scheme`."""
        return deviation if deviation > SILENCE else 1.0

    def border(self, length: int) -> int:
        """See `Scheme`."""
        return 0

    def segments(self, length: int) -> Iterator[Segment]:
        """See `Scheme`."""
        rise = np.linspace(0, 1, min(self.overlap, length), dtype=np.float32)
        for start in range(0, length, self.hop):
            first = max(0, start - self.overlap)
            end = min(start + self.hop, length)
            weights = np.ones(end - first, np.float32)
            if start:
                weights[: len(rise)] = rise
            if end < length:
                weights[len(weights) - len(rise) :] *= 1 - rise
            yield Segment(
                first,
                end,
                first,
                end,
                0,
                max(0, self.shortest - (end - first)),
                False,
                weights,
                end if end == length else end - self.overlap,
            )


def triangle(samples: int, power: float = 1.0) -> Window:
    """Return weights that rise to 1 in the middle and fall again, raised to a power.

    Parameters
    ----------
    samples : int
        If even, the two in the middle are 1.
    power : float

    Returns
    -------
    ndarray, shape (samples,), float32
        All above 0.
    """
    rise = np.arange(1, samples // 2 + 1, dtype=np.float32)
    fall = np.arange(samples - samples // 2, 0, -1, dtype=np.float32)
    weights = np.concatenate([rise, fall]) / np.float32(samples - samples // 2)
    return np.power(weights, power, dtype=np.float32)


def trapezium(samples: int, fade: int, rises: bool = True, falls: bool = True) -> Window:
    """Return weights that rise from 0 to 1, stay, and fall to 0 again.

    Parameters
    ----------
    samples, fade : int
        Each fade takes ``fade`` samples, at most half of ``samples``.
    rises, falls : bool
        Whether to fade; otherwise the weights are 1 there too.

    Returns
    -------
    ndarray, shape (samples,), float32
    """
    weights: Window = np.ones(samples, np.float32)
    if rises:
        weights[:fade] = np.linspace(0, 1, fade)
    if falls:
        weights[samples - fade :] = np.linspace(1, 0, fade)
    return weights
