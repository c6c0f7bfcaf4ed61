"""The lanes of a page: recordings that all last as long as the page does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.reading import Excerpt
from ..audio.resampling import resample
from . import sound

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Lane:
    """A stem, or the mixture.

    Attributes
    ----------
    name : str
    recording : Excerpt
    seconds : float
        The length of the page. A recording that is shorter is followed by silence, the
        rest of a longer one is left out: encoders and other rates add or lose some samples.
    """

    name: str
    recording: Excerpt
    seconds: float

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return self.recording.sample_rate

    @property
    def length(self) -> int:
        """Samples per channel."""
        return max(1, math.floor(self.seconds * self.rate + 0.5))

    @property
    def opus_length(self) -> int:
        """Samples per channel at the rate of Opus; the same for all lanes."""
        return max(1, math.ceil(self.seconds * sound.RATE - 1e-6))

    def blocks(self) -> Iterator[Audio]:
        """Read the lane in blocks of shape (channels, samples).

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return fit(self.recording.blocks(), self.length)

    def opus_blocks(self) -> Iterator[Audio]:
        """Read the lane at the rate of Opus."""
        resampled = resample(self.blocks(), self.rate, sound.RATE, self.opus_length)
        return fit(resampled, self.opus_length)


def fit(blocks: Iterable[Audio], length: int) -> Iterator[Audio]:
    """Cut a stream, or fill it with silence, to a length.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (..., samples)
    length : int

    Yields
    ------
    ndarray, shape (..., samples)
        ``length`` samples in all.
    """
    left = length
    shape: tuple[int, ...] = (1,)
    for block in blocks:
        shape = block.shape[:-1]
        yield block[..., :left]
        left -= min(left, block.shape[-1])
        if not left:
            return
    while left:
        silence = np.zeros((*shape, min(left, 65536)), np.float32)
        left -= silence.shape[-1]
        yield silence
