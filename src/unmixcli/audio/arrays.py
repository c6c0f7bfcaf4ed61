"""Arrays that are read like recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .reading import BLOCK_SAMPLES, MAX_CHANNELS, Audio, check_finite


@dataclass(frozen=True)
class ArrayRecording:
    """An array that is read like a recording.

    Attributes
    ----------
    samples : ndarray, shape (channels, samples)
    sample_rate : int
        In Hz.
    """

    samples: Audio
    sample_rate: int

    @classmethod
    def of(
        cls, audio: NDArray[Any], sample_rate: int, start: float, duration: float
    ) -> ArrayRecording:
        """Take an excerpt of an array, shape (samples,) or (samples, channels).

        Raises
        ------
        InputError
            If the audio is empty or has another shape or type.
        """
        array = np.asarray(audio)
        if array.ndim == 1:
            array = array[:, np.newaxis]
        if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
            raise InputError(
                "the audio must have the shape (samples,) or (samples, channels) and be floating "
                f"point or integers of 8, 16 or 32 bits, not {array.dtype} of shape "
                f"{np.shape(audio)}"
            )
        if array.shape[0] in (1, 2) and array.shape[1] > 64:
            raise InputError(
                f"the audio has the shape {array.shape}: transpose it to (samples, channels), "
                "or set channels_first"
            )
        first = round(start * sample_rate)
        end = len(array)
        if duration >= 0:
            end = min(end, first + round(duration * sample_rate))
        if not array.size or first >= end:
            raise InputError(
                f"the audio is {len(array) / sample_rate:.2f} s long: there is nothing to separate "
                f"after {start:g} s"
            )
        return cls(array[first:end, :MAX_CHANNELS].T, sample_rate)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def length(self) -> int:
        return int(self.samples.shape[1])

    def blocks(self) -> Iterator[Audio]:
        """Read the excerpt; see `unmixcli.audio.reading.Excerpt.blocks`."""
        for first in range(0, self.length, BLOCK_SAMPLES):
            block = np.ascontiguousarray(self.samples[:, first : first + BLOCK_SAMPLES], np.float32)
            check_finite(block, first, self.sample_rate, "the audio")
            yield block
