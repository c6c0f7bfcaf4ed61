"""The waveform of a stem: its peaks and its loudness over time, as SVG paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .columns import Columns

HEIGHT = 100
"""Units of the drawing from the lowest to the highest sample."""


class Waveform:
    """Computes the outline of a stem from blocks, in constant memory.

    Parameters
    ----------
    length : int
        Samples of the stem.
    columns : int
        Width of the drawing.
    """

    def __init__(self, length: int, columns: int) -> None:
        self._columns = Columns(length, columns)
        self._done = 0
        count = self._columns.count
        self.peaks: NDArray[np.float64] = np.zeros(count)
        self._powers: NDArray[np.float64] = np.zeros(count)
        self._counts: NDArray[np.float64] = np.zeros(count)

    def add(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""
        size = block.shape[-1]
        if not size:
            return
        touched, starts = self._columns.starts(self._done, self._done + size)
        largest = np.maximum.reduceat(np.abs(block).max(0), starts)
        self.peaks[touched] = np.maximum(self.peaks[touched], largest)
        self._powers[touched] += np.add.reduceat(np.square(block, dtype=np.float64).mean(0), starts)
        self._counts[touched] += np.diff(np.append(starts, size))
        self._done += size

    @property
    def loudness(self) -> NDArray[np.float64]:
        """Root mean square of each column."""
        loudness: NDArray[np.float64] = np.sqrt(self._powers / np.maximum(self._counts, 1))
        return loudness


def outline(sizes: NDArray[np.float64], full_scale: float) -> str:
    """Draw sizes as a band around the middle line.

    Parameters
    ----------
    sizes : ndarray, shape (columns,)
    full_scale : float
        The size that fills the height; 0 draws the middle line.

    Returns
    -------
    str
        The ``d`` of an SVG path, ``len(sizes)`` wide and `HEIGHT` high.
    """
    middle = HEIGHT / 2
    scaled = np.clip(sizes / full_scale if full_scale else sizes * 0, 0, 1) * middle
    # Keep silence visible as a hairline.
    heights = np.maximum(scaled, 0.4)
    upper = [f"{x} {middle - h:.1f}" for x, h in enumerate(heights)]
    lower = [f"{x} {middle + h:.1f}" for x, h in enumerate(heights)]
    return f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z"
