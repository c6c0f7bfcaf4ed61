"""Segments of a track, and the interface of schemes that cut a track into segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a track: the samples that the network reads, and those that it estimates.

    Positions are samples of the track, extended by the scheme's border.

    Attributes
    ----------
    first, end : int
        The samples to estimate.
    read_first, read_end : int
        The samples of the track that the network reads.
    before, after : int
        Samples added before and after those: zeros, or a reflection.
    reflected : bool
    weights : ndarray, shape (end - first,), float32
        The weight of each sample of the estimate.
    settled : int
        Start of the next segment: samples before it are final. At least
        ``first``.
    """

    first: int
    end: int
    read_first: int
    read_end: int
    before: int
    after: int
    reflected: bool
    weights: Window
    settled: int

    @property
    def width(self) -> int:
        """Number of samples that the network reads."""
        return self.before + self.read_end - self.read_first + self.after

    @property
    def skipped(self) -> int:
        """Samples of the network's output before the estimated ones."""
        return self.before + self.first - self.read_first


class Scheme(Protocol):
    """How a network is run over a track."""

    @property
    def normalised(self) -> bool:
        """Whether the network reads the track less its mean, over its standard deviation."""
        ...

    @property
    def averaged(self) -> bool:
        """Whether the sum of weighted estimates is divided by the sum of weights."""
        ...

    def scale(self, deviation: float) -> float:
        """Return the divisor for a track with this standard deviation."""
        ...

    def border(self, length: int) -> int:
        """Return the number of samples by which a track is extended, by reflection, at each end."""
        ...

    def segments(self, length: int) -> Iterator[Segment]:
        """Cut a track of this length; segments, and the samples they read, are in order."""
        ...
