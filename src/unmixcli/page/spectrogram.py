"""The spectrogram of a stem: level over time and over frequency, on a musical scale."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .columns import Columns

LOWEST = 40.0
"""Frequency at the lower edge, in Hz."""
HIGHEST = 18000.0
RANGE = 72.0
"""From the faintest visible level to the loudest, in dB."""

_WINDOW_SECONDS = 0.09
_BATCH = 64


class Spectrogram:
    """Computes the spectrogram of a stem from blocks, in constant memory.

    Parameters
    ----------
    length, sample_rate : int
        Of the stem.
    columns, rows : int
        Size of the picture; a row is the same musical interval everywhere.
    """

    def __init__(self, length: int, sample_rate: int, columns: int, rows: int) -> None:
        self._columns = Columns(length, columns)
        self._size = max(256, 1 << round(np.log2(_WINDOW_SECONDS * sample_rate)))
        self._hop = max(1, min(self._size // 2, length // self._columns.count))
        self._window = np.hanning(self._size + 1)[:-1].astype(np.float32)
        self._rows = _Rows(self._size, sample_rate, rows)
        self._frame = 0
        self._tail: NDArray[np.float32] | None = None
        self._sums: NDArray[np.float64] = np.zeros((self._columns.count, rows))
        self._counts: NDArray[np.float64] = np.zeros(self._columns.count)

    def add(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""
        if self._tail is None:  # the first frame is centred on the first sample
            self._tail = np.zeros((len(block), self._size // 2), np.float32)
        samples = np.concatenate([self._tail, block], axis=-1)
        if samples.shape[-1] < self._size:
            self._tail = samples
            return
        frames = sliding_window_view(samples, self._size, axis=-1)[:, :: self._hop]
        for first in range(0, frames.shape[1], _BATCH):
            self._add_frames(frames[:, first : first + _BATCH])
        self._tail = samples[:, frames.shape[1] * self._hop :]

    def finish(self) -> NDArray[np.float64]:
        """Return the power of each pixel, shape (rows, columns), the lowest frequency last."""
        if self._tail is not None:
            self.add(np.zeros((len(self._tail), self._size // 2), np.float32))
        power = self._sums / np.maximum(self._counts, 1)[:, np.newaxis]
        turned: NDArray[np.float64] = power.T[::-1]
        return turned

    def _add_frames(self, frames: NDArray[np.float32]) -> None:
        spectra = np.fft.rfft(frames * self._window)
        power = (np.square(spectra.real) + np.square(spectra.imag)).sum(0, dtype=np.float64)
        count = len(power)
        centres = (self._frame + np.arange(count)) * self._hop
        columns = self._columns.of(centres)
        np.add.at(self._sums, columns, self._rows.means(power))
        np.add.at(self._counts, columns, 1)
        self._frame += count


def shades(power: NDArray[np.float64], loudest: float, levels: int) -> NDArray[np.uint8]:
    """Turn powers into shades; 0 for powers `RANGE` or more below the loudest.

    Parameters
    ----------
    power : ndarray
    loudest : float
        The power of the last shade; 0 gives everything the first shade.
    levels : int
        Shades, at most 256.
    """
    if loudest <= 0:
        return np.zeros(power.shape, np.uint8)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power / loudest) / RANGE + 1
    return np.clip(np.rint(level * (levels - 1)), 0, levels - 1).astype(np.uint8)


class _Rows:
    """The means of a spectrum over bands of equal musical width.

    Computed by differences of the running sum, which is faster than a matrix
    product of this shape and uses only one core.
    """

    def __init__(self, size: int, sample_rate: int, rows: int) -> None:
        highest = min(HIGHEST, sample_rate / 2)
        edges = np.geomspace(min(LOWEST, highest / 2), highest, rows + 1) * size / sample_rate
        middle = (edges[:-1] + edges[1:]) / 2
        # A band that is narrower than a bin is widened to one.
        half = np.maximum(np.diff(edges), 1) / 2
        # Bin k reaches from k to k + 1 in the running sum.
        bounds = np.clip(np.stack([middle - half, middle + half]) + 0.5, 0, size // 2 + 1)
        self._whole = np.minimum(bounds.astype(np.int64), size // 2)
        self._part = bounds - self._whole
        self._width = bounds[1] - bounds[0]

    def means(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reduce power of shape (frames, bins) to (frames, rows)."""
        total = np.zeros((len(power), power.shape[-1] + 1))
        np.cumsum(power, axis=-1, out=total[:, 1:])
        low, high = (
            total[:, whole] + power[:, whole] * part
            for whole, part in zip(self._whole, self._part, strict=True)
        )
        means: NDArray[np.float64] = (high - low) / self._width
        return means
