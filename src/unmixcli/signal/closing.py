"""Stems that add up to the mixture: what they leave of it, spread over them.

A model's stems miss the mixture by a little. That difference belongs to some
of them: in each bin of the STFT to each by its share of their energy there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from ..audio.blocks import Audio, BlockReader, twice
from .stft import Framing, OverlapAdd, block_sizes, frame_blocks, overlap_add, stft

FRAMING = Framing()
_FRAMES = 32
"""Frames that are worked on at a time."""


class Gap:
    """Measures how far stems are from adding up to their mixture, as both stream past."""

    def __init__(self) -> None:
        self._mixture = 0.0
        self._left = 0.0

    def add(self, mixture: Audio, left: Audio) -> None:
        """Take in a block of the mixture and of what the stems leave of it."""
        self._mixture += float(np.square(mixture, dtype=np.float64).sum())
        self._left += float(np.square(left, dtype=np.float64).sum())

    @property
    def decibels(self) -> float | None:
        """Energy of what is left over that of the mixture; None where either is nothing."""
        if not self._mixture or not self._left:
            return None
        return 10 * math.log10(self._left / self._mixture)


def put_onto(
    stems: Iterable[Audio], mixture: Iterable[Audio], row: int, gap: Gap
) -> Iterator[Audio]:
    """Add what the stems leave of the mixture to one of them.

    Parameters
    ----------
    stems : iterable of ndarray, shape (stems, channels, samples)
    mixture : iterable of ndarray, shape (channels, samples)
        As long, in blocks of any size.
    row : int
        Which of the stems.
    gap : Gap
        Measures it.

    Yields
    ------
    ndarray, shape (stems, channels, samples)
    """
    for both in _with_left(stems, mixture, gap):
        closed = both[:-1].copy()
        closed[row] += both[-1]
        yield closed


def spread(
    stems: Iterable[Audio], mixture: Iterable[Audio], length: int, gap: Gap
) -> Iterator[Audio]:
    r"""Spread what the stems leave of the mixture over them, by their energy in each bin.

    Parameters
    ----------
    stems : iterable of ndarray, shape (stems, channels, samples)
    mixture : iterable of ndarray, shape (channels, samples)
        As long, in blocks of any size.
    length : int
        Samples of either.
    gap : Gap
        Measures it.

    Yields
    ------
    ndarray, shape (stems, channels, samples)
        They add up to the mixture but for the rounding of float32. Stems
        that did so before are left as they are.

    Notes
    -----
    With :math:`R = X - \sum_j S_j` stem *j* becomes
    :math:`S_j + R\,|S_j|^2 / \sum_k |S_k|^2`, the Wiener filter for the
    difference; in bins without any stem all get the same. Only the difference
    passes through the STFT.
    """
    one, other = twice(_with_left(stems, mixture, gap))
    reader = BlockReader(other)
    joining = OverlapAdd(FRAMING, length)
    done = 0
    sizes = block_sizes(FRAMING.frames(length), _FRAMES)
    for _, stretch in frame_blocks(one, length, FRAMING, sizes):
        spectra = stft(torch.from_numpy(stretch), FRAMING)
        energy = spectra[:-1].abs().square()
        total = energy.sum(0)
        shares = torch.where(total > 0, energy / total, 1 / len(energy))
        parts = joining.push(overlap_add(shares * spectra[-1], FRAMING).numpy())
        first, done = done, done + parts.shape[-1]
        if first < done:
            yield reader.read(first, done)[:-1] + parts


def _with_left(stems: Iterable[Audio], mixture: Iterable[Audio], gap: Gap) -> Iterator[Audio]:
    """Yield the stems and, as one more row, what they leave of the mixture."""
    reader, done = BlockReader(mixture), 0
    for block in stems:
        if not block.shape[-1]:
            continue
        first, done = done, done + block.shape[-1]
        heard = reader.read(first, done)
        left = (heard - block.sum(0, dtype=np.float64)).astype(np.float32)
        gap.add(heard, left)
        yield np.concatenate([block, left[np.newaxis]])
