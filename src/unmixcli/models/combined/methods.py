"""Methods that combine the stems of several models: sample by sample, or bin by bin.

Every method takes the members' stems of one target, stacked, and their weights.
Methods on samples work on blocks of any length; methods on spectra work on
consecutive frames of the STFT in `unmixcli.signal.stft`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from ...audio.blocks import BlockReader, twice
from ...signal.stft import Framing, OverlapAdd, block_sizes, frame_blocks, overlap_add, stft
from ..interface import Block

FRAMING = Framing()
"""Frames of 4096 samples, with a hop of 1024."""
_FRAMES = 32
"""Frames to combine at a time."""
_STEP = 16384
"""Samples to combine at a time: few enough to stay in the cache."""

Weights = Sequence[float]
_SMALLEST = 1e-300
"""Stands for no energy where something is divided by it."""

Spectra = Sequence[torch.Tensor]
"""For each member the shape (channels, frames, bins), complex128.

The last bits decide which member is largest, and the phase of sums that nearly
cancel: with float64 they do not depend on how a track is cut into blocks.
"""


def average(stems: Sequence[Block], weights: Weights, out: Block) -> None:
    """Write the weighted mean; of identical stems exactly that stem."""
    first, whole = stems[0], sum(weights)
    out[:] = first
    for stem, weight in zip(stems[1:], weights[1:], strict=True):
        # Equal stems differ by nothing, so rounding cannot change them.
        difference = stem - first
        difference *= weight / whole
        out += difference


def median(stems: Sequence[Block], weights: Weights, out: Block) -> None:
    """Write the median of each sample; for an even number, the mean of the middle two."""
    np.median(np.stack(stems), axis=0, out=out)


def _energy(spectrum: torch.Tensor) -> torch.Tensor:
    """Return squared magnitudes; ``abs`` takes several times as long."""
    return spectrum.real.square() + spectrum.imag.square()


def _with_phase(magnitude: torch.Tensor, sum_: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """Give magnitudes the phase of a sum, or of the first member where the sum is nothing."""
    energy = _energy(sum_)
    if not energy.all():
        sum_ = torch.where(energy > 0, sum_, first)
        energy = _energy(sum_)
    return sum_ * (magnitude / energy.clamp_min_(_SMALLEST).sqrt_())


def mean_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Weighted mean of the magnitudes, with the phase of the weighted sum."""
    pairs = [(weight / sum(weights), own) for weight, own in zip(weights, spectra, strict=True)]
    nothing = torch.zeros(())
    magnitude = sum((share * _energy(own).sqrt_() for share, own in pairs), nothing)
    total = sum((share * own for share, own in pairs), nothing)
    return _with_phase(magnitude, total, spectra[0])


def median_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Median of the magnitudes, with the phase of the sum."""
    # NumPy sorts along the first axis many times faster than PyTorch.
    ordered = np.sort(np.stack([_energy(own).sqrt_().numpy() for own in spectra]), 0)
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return _with_phase(torch.from_numpy(middle), sum(spectra[1:], spectra[0]), spectra[0])


def max_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Of each bin the member with the largest magnitude; the first of equal ones."""
    return _chosen(spectra, torch.gt)


def min_spectrum(spectra: Spectra, weights: Weights) -> torch.Tensor:
    """Of each bin the member with the smallest magnitude; the first of equal ones."""
    return _chosen(spectra, torch.lt)


def _chosen(
    spectra: Spectra, better: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    chosen, energy = spectra[0], _energy(spectra[0])
    for other in spectra[1:]:
        size = _energy(other)
        wins = better(size, energy)
        chosen, energy = torch.where(wins, other, chosen), torch.where(wins, size, energy)
    return chosen


def phase_repair(
    spectra: Spectra, weights: Weights, sample_rate: int, low: float, high: float
) -> torch.Tensor:
    """Magnitudes of the first member, between two frequencies with the phase of the second."""
    frequencies = torch.arange(FRAMING.bins) * (sample_rate / FRAMING.n_fft)
    inside = (frequencies >= low) & (frequencies <= high)
    first, second = spectra
    repaired = _with_phase(_energy(first).sqrt_(), second, first)
    return torch.where(inside, repaired, first)


OnSamples = Callable[[Sequence[Block], Weights, Block], None]

_ON_SAMPLES: Mapping[str, OnSamples] = {
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
"""The terms of one target: member, index of its stem, and weight."""


def combine(
    members: Sequence[Iterator[Block]],
    choices: Sequence[Choice],
    length: int,
    sample_rate: int,
    method: str,
    **settings: Any,
) -> Iterator[Block]:
    """Combine the stems of several models, block by block.

    The members advance together, so that at most one segment is held: the
    distance of one member ahead of another.

    Parameters
    ----------
    members : sequence of iterator of ndarray, shape (stems, channels, samples)
        The stems of each model, in blocks of any lengths that add up to `length`.
    choices : sequence
        The terms of each target.
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
        A target of only one member is exactly that member's stem.
    """
    if method in _ON_SAMPLES or all(len(choice) == 1 for choice in choices):
        yield from _on_samples(members, choices, length, _ON_SAMPLES.get(method, average))
        return
    work = _ON_SPECTRA[method]
    if method == "phase-repair":
        work = partial(work, sample_rate=sample_rate, **settings)
    yield from _on_spectra(members, choices, length, work)


def _on_samples(
    members: Sequence[Iterator[Block]], choices: Sequence[Choice], length: int, work: OnSamples
) -> Iterator[Block]:
    readers = [BlockReader(member) for member in members]
    done = 0
    while done < length:
        # As far as every member has got: nothing is copied to join blocks.
        first, done = done, min(length, *(reader.ready(done) for reader in readers))
        blocks = [reader.read(first, done) for reader in readers]
        combined = np.empty((len(choices), *blocks[0].shape[1:]), np.float32)
        for start in range(0, done - first, _STEP):
            part = slice(start, start + _STEP)
            for choice, out in zip(choices, combined[..., part], strict=True):
                stems = [blocks[member][stem][..., part] for member, stem, _ in choice]
                if len(stems) == 1:
                    out[:] = stems[0]
                else:
                    work(stems, [weight for *_, weight in choice], out)
        yield combined


def _on_spectra(
    members: Sequence[Iterator[Block]],
    choices: Sequence[Choice],
    length: int,
    work: Callable[..., torch.Tensor],
) -> Iterator[Block]:
    sizes = block_sizes(FRAMING.frames(length), _FRAMES)
    # Stems of only one member are passed on unchanged.
    alone = {choice[0][0] for choice in choices if len(choice) == 1}
    shared = {member for choice in choices for member, *_ in choice if len(choice) > 1}
    streams = {k: twice(members[k]) for k in alone & shared}
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
                [spectra[member][stem] for member, stem, _ in choice],
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
