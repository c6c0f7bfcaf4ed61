"""What a segment is, and what a way to cut a track into segments has to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a track: what the network reads, and where its estimate goes.

    Positions are samples of the track, extended by the scheme's border.

    Attributes
    ----------
    first, end : int
        What is estimated.
    read_first, read_end : int
        What the network reads of the track.
    before, after : int
        Samples that are added to what is read: zeros, or a reflection.
    reflected : bool
    weights : ndarray, shape (end - first,), float32
        What each sample of the estimate counts.
    settled : int
        Where the next segment begins: the samples before it are final. At
        least ``first``.
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
        """Samples that the network is given."""
        return self.before + self.read_end - self.read_first + self.after

    @property
    def skipped(self) -> int:
        """Samples of the network's answer before those that are kept."""
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
        """Return what to divide a track of this standard deviation by."""
        ...

    def border(self, length: int) -> int:
        """Return by how many samples a track is extended, reflected, at either end."""
        ...

    def segments(self, length: int) -> Iterator[Segment]:
        """Cut a track of so many samples; segments and what they read go forwards."""
        ...
