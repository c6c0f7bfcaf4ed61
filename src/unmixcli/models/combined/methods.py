"""How the stems of several models become one: sample by sample, or bin by bin.

Every method takes the members' stems of one target, stacked, and what each
counts. Those on samples work on blocks of any length; those on spectra on
consecutive frames of the STFT of `unmixcli.signal.stft`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import tee
from typing import Any

import numpy as np
import torch

from ...audio.blocks import BlockReader
from ...signal.stft import Framing, OverlapAdd, block_sizes, frame_blocks, overlap_add, stft
from ..interface import Block

FRAMING = Framing()
"""4096 samples a frame, 1024 from one to the next."""
_FRAMES = 32
"""Frames that are combined at a time."""
_STEP = 32768
"""Samples that are combined at a time."""

Weights = Sequence[float]
Spectra = torch.Tensor
"""Shape (members, channels, frames, bins), complex128.

Which member is the largest, and the phase of what nearly cancels, turn on the
last bits: with float64 they do not depend on how a track is cut into blocks.
"""


def average(stems: Sequence[Block], weights: Weights) -> Block:
    """Weighted mean; of equal stems it is that stem to the bit."""
    # In float64, where no weights and no sums can disturb the bits of a float32.
    total = np.zeros(stems[0].shape)
    for stem, weight in zip(stems, weights, strict=True):
        total += stem * np.float64(weight)
    return (total / sum(weights)).astype(np.float32)


def median(stems: Sequence[Block], weights: Weights) -> Block:
    """Median of each sample; of an even number, the mean of the two in the middle."""
    middle: Block = np.median(np.stack(stems), axis=0)
    return middle.astype(np.float32)


def _with_phase(magnitude: torch.Tensor, sum_: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """Give magnitudes the phase of a sum, or of the first member where the sum is nothing."""
    phased = torch.where(sum_.abs() > 0, sum_, first)
    return magnitude * torch.sgn(phased)


def mean_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Weighted mean of the magnitudes, with the phase of the weighted sum."""
    share = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    share = share.view(-1, 1, 1, 1)
    return _with_phase((spectra.abs() * share).sum(0), (spectra * share).sum(0), spectra[0])


def median_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Median of the magnitudes, with the phase of the sum."""
    ordered = spectra.abs().sort(0).values
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return _with_phase(middle, spectra.sum(0), spectra[0])


def max_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Of each bin the member with the largest magnitude; the first of equal ones."""
    return _chosen(spectra, spectra.abs().argmax(0))


def min_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Of each bin the member with the smallest magnitude; the first of equal ones."""
    return _chosen(spectra, spectra.abs().argmin(0))


def _chosen(spectra: Spectra, member: torch.Tensor) -> torch.Tensor:
    return spectra.gather(0, member[None])[0]


def phase_repair(
    spectra: Spectra, weights: Weights, sample_rate: int, low: float, high: float
) -> torch.Tensor:
    """Magnitudes of the first member, between two frequencies with the phase of the second."""
    frequencies = torch.arange(FRAMING.bins) * (sample_rate / FRAMING.n_fft)
    inside = (frequencies >= low) & (frequencies <= high)
    first, second = spectra
    repaired = _with_phase(first.abs(), second, first)
    return torch.where(inside, repaired, first)


_ON_SAMPLES: Mapping[str, Callable[[Sequence[Block], Weights], Block]] = {
    "average": average,
    "median": median,
}
_ON_SPECTRA: Mapping[str, Callable[..., torch.Tensor]] = {
    "mean-spectrum": mean_spectrum,
    "median-spectrum": median_spectrum,
    "max-spectrum": max_spectrum,
    "min-spectrum": min_spectrum,
    "phase-repair": phase_repair,
}

Choice = Sequence[tuple[int, int, float]]
"""What goes into one target: of which member, which of its stems, and what it counts."""


def combine(
    members: Sequence[Iterator[Block]],
    choices: Sequence[Choice],
    length: int,
    sample_rate: int,
    method: str,
    **settings: Any,
) -> Iterator[Block]:
    """Combine the stems of several models, block by block.

    The members are advanced side by side, so that nothing is held but what one
    is ahead of another: at most one segment.

    Parameters
    ----------
    members : sequence of iterator of ndarray, shape (stems, channels, samples)
        What each model makes, in blocks of any lengths that add up to `length`.
    choices : sequence
        For each target what goes into it.
    length : int
    sample_rate : int
        In Hz.
    method : str
        See docs/combining.md.
    **settings
        ``low`` and ``high`` of phase-repair, in Hz.

    Yields
    ------
    ndarray, shape (targets, channels, samples)
        A target that only one member has is that member's, to the bit.
    """
    if method in _ON_SAMPLES or all(len(choice) == 1 for choice in choices):
        yield from _on_samples(members, choices, length, _ON_SAMPLES.get(method, average))
        return
    work = _ON_SPECTRA[method]
    if method == "phase-repair":
        work = partial(work, sample_rate=sample_rate, **settings)
    yield from _on_spectra(members, choices, length, work)


def _on_samples(
    members: Sequence[Iterator[Block]],
    choices: Sequence[Choice],
    length: int,
    work: Callable[[Sequence[Block], Weights], Block],
) -> Iterator[Block]:
    readers = [BlockReader(member) for member in members]
    for first in range(0, length, _STEP):
        blocks = [reader.read(first, min(first + _STEP, length)) for reader in readers]
        yield np.stack([_mix(blocks, choice, work) for choice in choices])


def _mix(
    blocks: Sequence[Block],
    choice: Choice,
    work: Callable[[Sequence[Block], Weights], Block],
) -> Block:
    stems = [blocks[member][stem] for member, stem, _ in choice]
    return stems[0] if len(stems) == 1 else work(stems, [weight for *_, weight in choice])


def _on_spectra(
    members: Sequence[Iterator[Block]],
    choices: Sequence[Choice],
    length: int,
    work: Callable[..., torch.Tensor],
) -> Iterator[Block]:
    sizes = block_sizes(FRAMING.frames(length), _FRAMES)
    # What only one member has passes by untouched.
    alone = {choice[0][0] for choice in choices if len(choice) == 1}
    shared = {member for choice in choices for member, *_ in choice if len(choice) > 1}
    streams = {k: tee(members[k]) for k in alone & shared}
    passing = {k: BlockReader(streams[k][1] if k in streams else members[k]) for k in alone}
    framed = {
        k: frame_blocks(streams[k][0] if k in streams else members[k], length, FRAMING, sizes)
        for k in shared
    }
    joining = OverlapAdd(FRAMING, length)
    done = 0
    for stretches in zip(*framed.values(), strict=True):
        spectra = {
            member: stft(torch.from_numpy(stretch).double(), FRAMING)
            for member, (_, stretch) in zip(framed, stretches, strict=True)
        }
        combined = [
            work(
                torch.stack([spectra[member][stem] for member, stem, _ in choice]),
                [weight for *_, weight in choice],
            )
            for choice in choices
            if len(choice) > 1
        ]
        settled = joining.push(overlap_add(torch.stack(combined), FRAMING).numpy())
        settled = settled.astype(np.float32)
        first, done = done, done + settled.shape[-1]
        if first == done:
            continue
        blocks = {member: reader.read(first, done) for member, reader in passing.items()}
        mixed = iter(settled)
        yield np.stack(
            [
                blocks[choice[0][0]][choice[0][1]] if len(choice) == 1 else next(mixed)
                for choice in choices
            ]
        )
