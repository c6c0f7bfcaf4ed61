"""Mixtures in memory, read in blocks of any size, and the blocks that audio is cut into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmixcli.models.interface import Mixture, Model, Request, ignore

__all__ = ["ArrayMixture", "Audio", "cut", "cut_evenly", "ignore", "noise", "separated"]

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
        return cut_evenly(self.samples, self.block)


def cut(audio: Audio, sizes: Iterable[int]) -> Iterator[Audio]:
    """Cut audio into blocks of these sizes in turn, empty ones too, and the rest in one."""
    first = 0
    for size in sizes:
        yield audio[..., first : first + size]
        first += size
    yield audio[..., first:]


def cut_evenly(audio: Audio, *sizes: int) -> Iterator[Audio]:
    """Cut audio into blocks of these sizes, over and over."""
    first, turn = 0, cycle(sizes)
    while first < audio.shape[-1]:
        size = next(turn)
        yield audio[..., first : first + size]
        first += size


def separated(model: Model, mixture: Mixture, request: Request[Any]) -> Audio:
    """Return all that a model yields for a mixture, in one piece."""
    return np.concatenate(list(model.separate(mixture, request, ignore)), axis=-1)


def noise(length: int, channels: int = 2, seed: int = 0) -> Audio:
    """Noise with an envelope, full scale at most."""
    random = np.random.default_rng(seed)
    envelope = np.interp(np.arange(length), np.linspace(0, length, 9), random.uniform(0, 1, 9))
    return (random.uniform(-1, 1, (channels, length)) * envelope).astype(np.float32)
