"""Convert streams of audio to another rate or number of channels, exact in length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def resample(blocks: Iterable[Audio], rate_in: int, rate_out: int, length: int) -> Iterator[Audio]:
    """Resample a stream.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (..., samples)
    rate_in, rate_out : int
        In Hz.
    length : int
        Samples to yield in all. The resampler may end a sample early or late:
        the stream is cut, or filled with silence.

    Yields
    ------
    ndarray, shape (..., samples), float32
    """
    if rate_in == rate_out:
        yield from blocks
        return
    stream: soxr.ResampleStream | None = None
    shape: tuple[int, ...] = ()
    left = length
    for block in blocks:
        if stream is None:
            shape = block.shape[:-1]
            stream = soxr.ResampleStream(rate_in, rate_out, int(np.prod(shape)), "float32", "HQ")
        out = _push(stream, block, last=False)[:left]
        left -= len(out)
        if len(out):
            yield out.T.reshape(*shape, -1)
    if stream is None:
        return
    out = _push(stream, np.zeros((*shape, 0), np.float32), last=True)[:left]
    out = np.pad(out, ((0, left - len(out)), (0, 0)))
    if len(out):
        yield out.T.reshape(*shape, -1)


def _push(stream: soxr.ResampleStream, block: Audio, last: bool) -> Audio:
    # Not -1 for the channels: numpy cannot infer their number from an empty block.
    channels = int(np.prod(block.shape[:-1]))
    samples = np.ascontiguousarray(block.reshape(channels, block.shape[-1]).T)
    resampled: Audio = stream.resample_chunk(samples, last=last)
    return resampled


class Recording(Protocol):
    """The source of a mixture: an excerpt of a file, or an array."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def length(self) -> int: ...
    def blocks(self) -> Iterator[Audio]: ...


@dataclass(frozen=True)
class AdaptedMixture:
    """A recording at a model's rate and channels; a `unmixcli.models.interface.Mixture`.

    Parameters
    ----------
    recording : Recording
    sample_rate : int
        The model's rate, in Hz.
    channels : int
        1 or 2. Mono is repeated, stereo is averaged.
    """

    recording: Recording
    sample_rate: int
    channels: int

    @property
    def length(self) -> int:
        """Number of samples at the model's rate."""
        return length_at(self.recording, self.sample_rate)

    def blocks(self) -> Iterator[Audio]:
        """Read from the start, in blocks of shape (channels, samples)."""
        resampled = blocks_at(self.recording, self.sample_rate)
        return (fit_channels(block, self.channels) for block in resampled)

    def restore(self, stems: Iterable[Audio], sample_rate: int | None = None) -> Iterator[Audio]:
        """Convert stems back to the recording's channels and length, at any rate.

        Parameters
        ----------
        stems : iterable of ndarray, shape (stems, channels, samples)
        sample_rate : int, optional
            In Hz; the recording's rate if not given.

        Yields
        ------
        ndarray, shape (stems, recording.channels, samples)
        """
        recording = self.recording
        rate = sample_rate or recording.sample_rate
        fitted = (fit_channels(block, recording.channels) for block in stems)
        return resample(fitted, self.sample_rate, rate, length_at(recording, rate))


def length_at(recording: Recording, sample_rate: int) -> int:
    """Return the number of samples that a recording has at another rate."""
    return -(-recording.length * sample_rate // recording.sample_rate)


def blocks_at(recording: Recording, sample_rate: int) -> Iterator[Audio]:
    """Read a recording at another rate."""
    length = length_at(recording, sample_rate)
    return resample(recording.blocks(), recording.sample_rate, sample_rate, length)


def fit_channels(block: Audio, channels: int) -> Audio:
    """Repeat one channel or average two, shape (..., channels, samples)."""
    if block.shape[-2] == channels:
        return block
    if channels == 1:
        mean: Audio = block.mean(-2, keepdims=True, dtype=np.float32)
        return mean
    return np.repeat(block, channels, axis=-2)
