"""Read the stems of a track and give each estimate its reference."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.reading import Excerpt
from ..errors import InputError
from ..words import display
from .pairs import NO_VOCALS, REMAINDERS, Pair

Audio = NDArray[np.float64]

_SLACK = 0.1
"""Seconds by which encoders may lengthen or shorten an estimate."""


@dataclass(frozen=True)
class Stems:
    """The comparable stems of a track, shape (samples, channels)."""

    estimates: dict[str, Audio]
    references: dict[str, Audio]
    rest: Audio
    """The sum of the true stems without an estimate."""
    sample_rate: int
    left_out: list[str]


def load(pair: Pair) -> Stems:
    """Read the stems of both sides; skip or sum up stems that only one side has.

    Raises
    ------
    InputError
        If a stem cannot be read or does not fit the others, or nothing can be
        compared.
    """
    left_out: list[str] = []
    names = list(pair.estimates)
    true = {name: place.open() for name, place in pair.references.items()}
    true = _without_strays(true, names, left_out)
    first = next(iter(true.values()))
    length = max(excerpt.length for excerpt in true.values())
    # A remainder among the true stems is itself a sum of them: do not count it twice.
    parts = [name for name in true if name not in REMAINDERS]
    given = next((name for name in true if name in NO_VOCALS), None)
    read = {
        name: _read(excerpt, first, length)
        for name, excerpt in true.items()
        if name in (*parts, *names, given)
    }
    unclaimed = [name for name in parts if name not in names]
    no_vocals = [given] if given else [name for name in parts if name != "vocals"]
    references = {}
    rest: list[str] = [given] if given and set(parts) <= {"vocals"} <= set(names) else unclaimed
    for name in names:
        summed = _summed(name, names, unclaimed, no_vocals)
        if name in read:
            references[name] = read[name]
        elif name in REMAINDERS and summed:
            references[name] = _sum(read, summed)
        else:
            left_out.append(f"{name} has no reference")
            continue
        if name in NO_VOCALS:
            rest = [part for part in rest if part not in summed]
    if not references:
        raise InputError(
            f"{pair.track}: none of {', '.join(names)} has a reference among {', '.join(read)}"
        )
    estimates = {
        name: _read(place.open(), first, length)
        for name, place in pair.estimates.items()
        if name in references
    }
    silence = np.zeros((length, first.channels))
    return Stems(estimates, references, silence + _sum(read, rest), first.sample_rate, left_out)


def _summed(
    name: str, names: Collection[str], unclaimed: list[str], no_vocals: list[str]
) -> list[str]:
    """Return the true stems that add up to the reference of a remainder.

    `unmix separate` calls the mixture minus a single target its accompaniment,
    whatever the target; elsewhere the word means all but the vocals.
    """
    sung = "vocals" in names or set(names) <= REMAINDERS
    if name in NO_VOCALS and (sung or name != "accompaniment"):
        return no_vocals
    return unclaimed


def _sum(read: dict[str, Audio], names: list[str]) -> Audio:
    total: Audio = np.sum([read[name] for name in names], axis=0)
    return total


def _without_strays(
    true: dict[str, Excerpt], names: Collection[str], left_out: list[str]
) -> dict[str, Excerpt]:
    """Leave out files that no estimate needs and that do not fit those that some do."""
    wanted = [excerpt for name, excerpt in true.items() if name in names]
    if not wanted:
        return true
    like, length = wanted[0], max(excerpt.length for excerpt in wanted)
    kept = {}
    for name, excerpt in true.items():
        problem = _problem(excerpt, like, length)
        if name in names or not problem:
            kept[name] = excerpt
        else:
            left_out.append(f"{excerpt.path.name} is no stem of this track: it {problem[0]}")
    return kept


def _problem(excerpt: Excerpt, like: Excerpt, length: int) -> tuple[str, str, str] | None:
    """Say how a file does not fit: its own value, the other's, and what to do."""
    if excerpt.sample_rate != like.sample_rate:
        return (
            f"has {excerpt.sample_rate} Hz",
            f"{display(like.path)} has {like.sample_rate} Hz",
            ": separate at the rate of the references",
        )
    if excerpt.channels != like.channels:
        return (
            f"has {excerpt.channels} channels",
            f"{display(like.path)} has {like.channels}",
            ": separate with the channels of the references",
        )
    if abs(excerpt.length - length) > _SLACK * like.sample_rate:
        return (
            f"is {excerpt.seconds:.2f} s long",
            f"but the references are {length / like.sample_rate:.2f} s",
            "",
        )
    return None


def _read(excerpt: Excerpt, like: Excerpt, length: int) -> Audio:
    """Read a whole stem, shape (length, channels), and check that it fits the others."""
    if problem := _problem(excerpt, like, length):
        ours, theirs, advice = problem
        raise InputError(f"{display(excerpt.path)} {ours}, {theirs}{advice}")
    audio = np.zeros((length, excerpt.channels))
    done = 0
    for block in excerpt.blocks():
        kept = block.T[: length - done]
        audio[done : done + len(kept)] = kept
        done += len(kept)
    return audio
