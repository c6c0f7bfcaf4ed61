"""Mixtures in memory, read in blocks of any size, and what a model makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


@dataclass
class ArrayMixture:
    """An array of shape (channels, samples) as a mixture."""

    samples: Audio
    block: int = 4000
    sample_rate: int = 44100

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def length(self) -> int:
        return self.samples.shape[1]

    def blocks(self) -> Iterator[Audio]:
        for first in range(0, self.length, self.block):
            yield self.samples[:, first : first + self.block]


def noise(length: int, channels: int = 2, seed: int = 0) -> Audio:
    """Noise with an envelope, full scale at most."""
    random = np.random.default_rng(seed)
    envelope = np.interp(np.arange(length), np.linspace(0, length, 9), random.uniform(0, 1, 9))
    return (random.uniform(-1, 1, (channels, length)) * envelope).astype(np.float32)


def ignore(stage: str, fraction: float) -> None:
    """Ignore progress."""
