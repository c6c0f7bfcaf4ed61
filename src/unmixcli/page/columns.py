"""Map samples to the columns of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Columns:
    """A track of known length, divided into columns of nearly equal length.

    Parameters
    ----------
    length : int
        Samples of the track.
    wanted : int
        Number of columns; fewer if the track has fewer samples.
    """

    def __init__(self, length: int, wanted: int) -> None:
        self.count = max(1, min(wanted, length))
        self.length = length
        self._edges = -(-np.arange(self.count + 1) * length // self.count)

    def of(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the column of each sample; samples outside belong to the first or last."""
        found: NDArray[np.int64] = np.clip(
            samples * self.count // max(self.length, 1), 0, self.count - 1
        )
        return found

    def starts(self, first: int, end: int) -> tuple[slice, NDArray[np.int64]]:
        """Return the columns of samples ``first`` to ``end``, and where each begins among them."""
        low, high = self.of(np.array([first, end - 1]))
        touched = slice(int(low), int(high) + 1)
        return touched, np.maximum(self._edges[touched] - first, 0)
