"""Streams of blocks: read by position, extended at the ends, cropped.

A block is an array of shape (..., samples); consecutive blocks of any lengths
form a stream. Nothing here keeps samples that will not be read again.
"""

from __future__ import annotations

from collections import deque
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
        self._held: deque[Audio] = deque()
        self._first = self._end = 0  # the positions of the held samples
        self._at = 0  # where the last read began

    def ready(self, first: int) -> int:
        """Return the end of the block that sample ``first`` is in; forget those before it.

        A read from ``first`` up to there needs no copy.

        Raises
        ------
        ValueError
            If the stream ends before, or ``first`` has been forgotten.
        """
        self._hold(first, first + 1)
        return self._first + self._held[0].shape[-1]

    def read(self, first: int, end: int) -> Audio:
        """Return the samples from ``first`` to ``end`` and forget the blocks before them.

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
        self._hold(first, end)
        start = self._first
        parts: list[Audio] = []
        for block in self._held:
            if start >= end:
                break
            parts.append(block[..., max(0, first - start) : end - start])
            start += block.shape[-1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _hold(self, first: int, end: int) -> None:
        """Take blocks up to ``end``, and keep those that have samples from ``first`` on."""
        if not self._at <= first < end:
            raise ValueError(f"samples {first} to {end} of a stream, which is at {self._at}")
        self._at = first
        while self._held and self._first + self._held[0].shape[-1] <= first:
            self._first += self._held.popleft().shape[-1]
        while self._end < end:
            block = next(self._blocks, None)
            if block is None:
                raise ValueError(f"a stream ends after {self._end} samples, before {end}")
            self._end += block.shape[-1]
            if self._end <= first:
                self._first = self._end
            elif block.shape[-1]:
                self._held.append(block)


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


def twice(blocks: Iterable[Audio]) -> tuple[Iterator[Audio], Iterator[Audio]]:
    """Split a stream into two equal ones; what one is ahead of the other is held.

    Unlike `itertools.tee`, which frees blocks by the dozen only.

    Examples
    --------
    >>> one, other = twice(np.arange(6.0).reshape(3, 2))
    >>> next(one), next(one), next(other)
    (array([0., 1.]), array([2., 3.]), array([0., 1.]))
    """
    source = iter(blocks)
    queues: tuple[deque[Audio], deque[Audio]] = (deque(), deque())

    def read(own: deque[Audio]) -> Iterator[Audio]:
        while True:
            if not own:
                block = next(source, None)
                if block is None:
                    return
                for queue in queues:
                    queue.append(block)
            yield own.popleft()

    return read(queues[0]), read(queues[1])
