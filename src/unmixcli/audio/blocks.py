"""Streams of blocks: read by position, extended at the ends, cropped.

A block is an array of shape (..., samples); consecutive blocks of any lengths
form a stream. Nothing here keeps samples that will not be read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

_STEP = 65536
"""Samples that are passed on at a time."""


class BlockReader:
    """Reads a stream by position, forwards.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (..., samples)
        Of any lengths.

    Examples
    --------
    >>> reader = BlockReader(np.arange(12.0).reshape(4, 3))
    >>> reader.read(2, 7)
    array([2., 3., 4., 5., 6.])
    >>> reader.read(5, 8)
    array([5., 6., 7.])
    """

    def __init__(self, blocks: Iterable[Audio]) -> None:
        self._blocks = iter(blocks)
        self._held: Audio | None = None
        self._first = self._end = 0  # the positions of the held samples

    def read(self, first: int, end: int) -> Audio:
        """Return the samples from ``first`` to ``end`` and forget those before ``first``.

        Parameters
        ----------
        first, end : int
            Positions in the stream; ``first`` is before ``end``, and never
            decreases from call to call.

        Returns
        -------
        ndarray, shape (..., end - first)
            Possibly a view of a block: do not write to it.

        Raises
        ------
        ValueError
            If the stream ends before ``end``, or ``first`` has been forgotten.
        """
        if not self._first <= first < end:
            raise ValueError(f"samples {first} to {end} of a stream, which is at {self._first}")
        parts: list[Audio] = []
        if self._held is not None and first < self._end:
            parts.append(self._held[..., first - self._first :])
        while self._end < end:
            block = next(self._blocks, None)
            if block is None:
                raise ValueError(f"a stream ends after {self._end} samples, before {end}")
            start, self._end = self._end, self._end + block.shape[-1]
            if first < self._end:
                parts.append(block[..., max(0, first - start) :])
        self._held = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        self._first = first
        return self._held[..., : end - first]


def reflect(blocks: Iterable[Audio], length: int, border: int) -> Iterator[Audio]:
    """Extend a stream by reflection at both ends, without repeating its first and last sample.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (..., samples)
    length : int
        Number of samples in all blocks together; more than ``border``.
    border : int
        Samples to add at each end.

    Yields
    ------
    ndarray, shape (..., samples)
        Together ``border + length + border`` samples.
    """
    if not border:
        yield from blocks
        return
    reader = BlockReader(blocks)
    yield reader.read(0, border + 1)[..., :0:-1]
    for first in range(0, length, _STEP):
        kept = max(0, first - border)  # the reflection of the end may start there
        yield reader.read(kept, min(first + _STEP, length))[..., first - kept :]
    yield reader.read(length - 1 - border, length - 1)[..., ::-1]


def crop(blocks: Iterable[Audio], first: int, end: int) -> Iterator[Audio]:
    """Keep the samples from ``first`` to ``end`` of a stream; do not read beyond."""
    start = 0
    for block in blocks:
        kept = block[..., max(0, first - start) : max(0, end - start)]
        if kept.shape[-1]:
            yield kept
        start += block.shape[-1]
        if start >= end:
            return
