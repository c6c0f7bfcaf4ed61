"""Evaluate tracks, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..audio.reading import Excerpt, open_excerpt
from ..errors import InputError, UnmixError
from ..words import display
from .metrics import bss_eval, require_museval, si_sdr
from .pairs import REMAINDERS, Pair, find_pairs
from .result import FRAMED, EvaluationResult, TargetScores, TrackScores, median, summarise

Audio = NDArray[np.float64]
Report = Callable[[str], None]
"""Called with the name of each track before it is scored."""

_SLACK = 0.1
"""Seconds by which encoders may lengthen or shorten an estimate."""


def evaluate(
    estimates: Path,
    references: Path,
    si_sdr_only: bool = False,
    report: Report | None = None,
) -> EvaluationResult:
    """Score estimated stems against the true ones.

    Keeps the stems of a track in memory; museval needs about ten times as much.

    Parameters
    ----------
    estimates, references : Path
        Folders of stems, or folders of such folders; see `find_pairs`.
    si_sdr_only : bool
        Skip BSS Eval, which is slow and needs museval.
    report : callable, optional
        Called with the name of each track before it is scored.

    Returns
    -------
    EvaluationResult
        It lists tracks that failed; a failure does not stop the others.

    Raises
    ------
    InputError
        If there is nothing to compare.
    UnmixError
        If museval is needed and not installed.
    """
    pairs, unmatched = find_pairs(estimates, references)
    if not si_sdr_only:
        require_museval()
    failed = dict.fromkeys(unmatched, "no reference has this name")
    scored = []
    for pair in pairs:
        if report:
            report(pair.track)
        try:
            scored.append(_score(pair, si_sdr_only))
        except UnmixError as error:
            failed[pair.track] = str(error)
    return summarise(scored, failed)


@dataclass(frozen=True)
class _Stems:
    """The comparable stems of a track, shape (samples, channels)."""

    estimates: dict[str, Audio]
    references: dict[str, Audio]
    rest: Audio
    """The sum of the true stems without an estimate."""
    sample_rate: int
    left_out: list[str]


def _score(pair: Pair, si_sdr_only: bool) -> TrackScores:
    stems = _load(pair)
    scores = {
        name: TargetScores(si_sdr=_known(si_sdr(stems.references[name], estimate)))
        for name, estimate in stems.estimates.items()
    }
    if not si_sdr_only:
        for group in _groups(list(scores)):
            _add_bss_eval(scores, group, stems)
    return TrackScores(track=pair.track, targets=scores, left_out=stems.left_out)


def _groups(names: list[str]) -> list[list[str]]:
    """Return the groups of targets to score together: no target may contain another.

    As in SiSEC, the accompaniment is scored only against the vocals, and the
    vocals take their scores from that pair.
    """
    if "accompaniment" not in names or len(names) <= 2:
        return [names]
    main = [name for name in names if name != "accompaniment"]
    return [main, ["vocals", "accompaniment"]] if "vocals" in names else [main]


def _add_bss_eval(scores: dict[str, TargetScores], names: list[str], stems: _Stems) -> None:
    """Score targets together: the references of the others are the possible interference."""
    sounding = []
    for name in names:
        silent = [
            what
            for what, audio in (
                ("reference", stems.references[name]),
                ("estimate", stems.estimates[name]),
            )
            if not audio.any()
        ]
        if silent:
            stems.left_out.append(f"{name} has no BSS Eval scores: its {silent[0]} is silent")
        else:
            sounding.append(name)
    references = [stems.references[name] for name in sounding]
    estimates = [stems.estimates[name] for name in sounding]
    if len(sounding) == 1 and stems.rest.any():
        # Nothing can interfere with a single target, so add the rest; its row is ignored.
        references.append(stems.rest)
        estimates.append(stems.rest)
    if not sounding:
        return
    found = bss_eval(np.stack(references), np.stack(estimates), stems.sample_rate)
    for row, name in enumerate(sounding):
        frames = {metric: [_known(v) for v in found[metric][row]] for metric in FRAMED}
        medians = {metric: median(values) for metric, values in frames.items()}
        scores[name] = TargetScores(si_sdr=scores[name].si_sdr, frames=frames, **medians)


def _load(pair: Pair) -> _Stems:
    """Read the stems of both sides; skip or sum up stems that only one side has."""
    left_out = []
    names = list(pair.estimates)
    true = {name: open_excerpt(path) for name, path in pair.references.items()}
    first = next(iter(true.values()))
    length = max(excerpt.length for excerpt in true.values())
    read = {name: _read(excerpt, first, length) for name, excerpt in true.items()}
    unclaimed = [audio for name, audio in read.items() if name not in names]
    rest = np.sum(unclaimed, axis=0) if unclaimed else np.zeros_like(read[next(iter(read))])
    references = {}
    for name in names:
        if name in read:
            references[name] = read[name]
        elif name in REMAINDERS and unclaimed:
            references[name] = rest
        elif name == "accompaniment" and "vocals" in read:
            references[name] = np.sum([a for n, a in read.items() if n != "vocals"], axis=0)
        else:
            left_out.append(f"{name} has no reference")
    if not references:
        raise InputError(
            f"{pair.track}: none of {', '.join(names)} has a reference among {', '.join(read)}"
        )
    estimates = {
        name: _read(open_excerpt(path), first, length)
        for name, path in pair.estimates.items()
        if name in references
    }
    return _Stems(estimates, references, rest, first.sample_rate, left_out)


def _read(excerpt: Excerpt, like: Excerpt, length: int) -> Audio:
    """Read a whole stem, shape (length, channels), and check that it fits the others."""
    name = display(excerpt.path)
    other = display(like.path)
    if excerpt.sample_rate != like.sample_rate:
        raise InputError(
            f"{name} has {excerpt.sample_rate} Hz, {other} has {like.sample_rate} Hz: "
            "separate at the rate of the references"
        )
    if excerpt.channels != like.channels:
        raise InputError(
            f"{name} has {excerpt.channels} channels, {other} has {like.channels}: "
            "separate with the channels of the references"
        )
    if abs(excerpt.length - length) > _SLACK * like.sample_rate:
        raise InputError(
            f"{name} is {excerpt.seconds:.2f} s long, but the references are "
            f"{length / like.sample_rate:.2f} s"
        )
    audio = np.zeros((length, excerpt.channels))
    done = 0
    for block in excerpt.blocks():
        kept = block.T[: length - done]
        audio[done : done + len(kept)] = kept
        done += len(kept)
    return audio


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
