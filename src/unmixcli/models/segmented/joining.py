"""Add up the weighted estimates of overlapping segments."""

from __future__ import annotations

import numpy as np

from ..interface import Block
from .segment import Segment


class Joining:
    """Joins the estimates of consecutive segments.

    Parameters
    ----------
    averaged : bool
        Whether to divide by the sum of the weights.
    """

    def __init__(self, averaged: bool) -> None:
        self._sum = _Tail()
        self._weights = _Tail() if averaged else None

    def push(self, segment: Segment, weighted: Block) -> Block:
        """Add the next segment and return the samples that are now final.

        Parameters
        ----------
        segment : Segment
        weighted : ndarray, shape (stems, channels, segment.end - segment.first)
            Its estimate, times its weights; overwritten.

        Returns
        -------
        ndarray, shape (stems, channels, segment.settled - segment.first)
            Where all weights are zero, so are the stems.
        """
        settled = segment.settled - segment.first
        stems = self._sum.push(weighted, settled)
        if self._weights is not None:
            total = self._weights.push(segment.weights.copy(), settled)
            np.divide(stems, total, out=stems, where=total != 0)
        return stems


class _Tail:
    """What is not yet final of a sum."""

    def __init__(self) -> None:
        self._held: Block | None = None

    def push(self, part: Block, settled: int) -> Block:
        """Add a part that begins where what was returned last ends."""
        if self._held is not None:
            # A short last part may end before the one before it.
            longer, shorter = sorted((part, self._held), key=lambda a: -a.shape[-1])
            longer[..., : shorter.shape[-1]] += shorter
            part = longer
        self._held = part[..., settled:]
        return part[..., :settled]
