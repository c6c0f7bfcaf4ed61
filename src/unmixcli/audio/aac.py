"""Write AAC into m4a files, with the FFmpeg libraries in PyAV's wheels."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_FRAME = 1024
"""Samples in a frame of AAC."""


class AacFile:
    """An m4a file that is being written; the interface is that of `soundfile.SoundFile`.

    AAC has whole frames, so it codes more samples than it is given. The file's edit list
    says where the sound begins and ends, to the sample.

    Parameters
    ----------
    path : Path
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    bit_rate : int
        In kb/s, for all channels together. The encoder keeps to it on average.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int, bit_rate: int) -> None:
        self._file = path.open("wb")
        # With the usual clock of 1000 Hz, the length would be rounded to milliseconds.
        options = {"movie_timescale": str(sample_rate)}
        self._container = av.open(self._file, "w", format="ipod", options=options)
        self._layout = "stereo" if channels == 2 else "mono"
        self._stream = self._container.add_stream("aac", rate=sample_rate, layout=self._layout)
        self._stream.bit_rate = 1000 * bit_rate
        self._rate = sample_rate
        self._waiting = np.zeros((channels, 0), np.float32)
        self._written = 0

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append samples, shape (samples, channels)."""
        self._waiting = np.concatenate([self._waiting, samples.T], -1)
        whole = self._waiting.shape[-1] // _FRAME * _FRAME
        for first in range(0, whole, _FRAME):
            self._encode(self._waiting[:, first : first + _FRAME])
        self._waiting = self._waiting[:, whole:]

    def close(self) -> None:
        """Complete the file; more than one call does nothing."""
        if self._file.closed:
            return
        try:
            if self._waiting.shape[-1]:
                self._encode(self._waiting)
            self._container.mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._file.close()

    def _encode(self, samples: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format="fltp", layout=self._layout
        )
        frame.sample_rate = self._rate
        frame.pts = self._written
        self._written += samples.shape[-1]
        self._container.mux(self._stream.encode(frame))
