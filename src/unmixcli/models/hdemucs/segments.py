"""Cutting a stream into overlapping segments and fading what comes of them together.

Segment k is about the samples from k·hop to (k+1)·hop. It begins ``overlap``
samples earlier, but for the first, and over these the segment before fades out
while it fades in, both linearly. This is the scheme of the tutorial
"Music Source Separation with Hybrid Demucs" in torchaudio's documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def cut(
    blocks: Iterable[Audio], length: int, hop: int, overlap: int = 0
) -> Iterator[tuple[int, Audio]]:
    """Cut a stream into segments.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (..., samples)
        Of any lengths; the segments do not depend on them.
    length : int
        Samples that the blocks add up to.
    hop : int
        Samples from the end of a segment to the end of the next.
    overlap : int
        Samples that a segment shares with the one before, at most ``hop``.

    Yields
    ------
    first : int
        Where the segment begins in the stream.
    segment : ndarray, shape (..., samples)
        ``hop`` samples at first, ``hop + overlap`` afterwards, fewer at the end.
    """
    pending: list[Audio] = []
    held = first = 0
    end = min(hop, length)
    for block in blocks:
        pending.append(block)
        held += block.shape[-1]
        while first < length and held >= end - first:
            joined = pending[0] if len(pending) == 1 else np.concatenate(pending, axis=-1)
            yield first, joined[..., : end - first]
            if end == length:
                return
            pending = [joined[..., end - overlap - first :]]
            held = pending[0].shape[-1]
            first, end = end - overlap, min(end + hop, length)


class CrossFade:
    """Joins the stems of one segment after the other.

    Parameters
    ----------
    overlap : int
        Samples that consecutive segments share.
    """

    def __init__(self, overlap: int) -> None:
        self._overlap = overlap
        self._rise = np.linspace(0, 1, overlap, dtype=np.float32)
        self._tail: Audio | None = None

    def push(self, segment: Audio, last: bool) -> Audio:
        """Take a segment and return what is settled by it.

        Parameters
        ----------
        segment : ndarray, shape (..., samples)
            The next one in order; it is written to.
        last : bool
            Whether it reaches the end: it does not fade out then.

        Returns
        -------
        ndarray, shape (..., samples)
            The segment from its beginning, without the samples that the next one shares.
        """
        if self._tail is not None:
            shared = segment[..., : self._overlap]
            shared *= self._rise
            shared += self._tail
        if last:
            return segment
        settled = segment.shape[-1] - self._overlap
        self._tail = segment[..., settled:] * (1 - self._rise)
        return segment[..., :settled]
