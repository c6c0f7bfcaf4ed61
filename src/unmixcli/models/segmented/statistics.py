"""Compute the mean and the standard deviation of a track in one reading."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...audio.blocks import BlockReader
from ..interface import Mixture

STATISTICS_BLOCK = 65536
"""Samples to add at a time."""


def measure(mixture: Mixture, progress: Callable[[float], None]) -> tuple[float, float]:
    """Compute the moments of the mean of a mixture's channels.

    Parameters
    ----------
    mixture : Mixture
        Read once, from start to end.
    progress : callable
        Called with the fraction that has been read.

    Returns
    -------
    mean, deviation : float
        The deviation is the corrected one (divided by samples - 1); 0 for a single sample.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", Stanford University, 1979.
    """
    count, mean, squares = 0, 0.0, 0.0
    reader = BlockReader(mixture.blocks())
    # Blocks of fixed length, so that the sums do not depend on the mixture's blocks.
    for first in range(0, mixture.length, STATISTICS_BLOCK):
        block = reader.read(first, min(first + STATISTICS_BLOCK, mixture.length))
        middle = block.mean(0, dtype=np.float64)
        size, own = middle.size, float(middle.mean())
        total = count + size
        # Combine the moments of two sets without cancellation.
        squares += float(((middle - own) ** 2).sum()) + (own - mean) ** 2 * count * size / total
        mean += (own - mean) * size / total
        count = total
        progress(count / mixture.length)
    return mean, math.sqrt(squares / max(1, count - 1))
