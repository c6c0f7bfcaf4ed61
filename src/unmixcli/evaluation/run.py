"""Evaluate tracks, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import UnmixError
from ..stems.manifest import model_of
from .bsseval import bss_eval, is_silent
from .loading import Stems, load
from .metrics import si_sdr
from .pairs import NO_VOCALS, Pair, find_pairs
from .result import (
    FRAMED,
    EvaluationResult,
    TargetScores,
    TrackScores,
    in_target_order,
    median,
    summarise,
)

Report = Callable[[str], None]
"""Called with the name of each track before it is scored."""


def evaluate(
    estimates: Path,
    references: Path,
    si_sdr_only: bool = False,
    report: Report | None = None,
) -> EvaluationResult:
    """Score estimated stems against the true ones.

    Keeps the stems of a track in memory, and about as much again.

    Parameters
    ----------
    estimates, references : Path
        Folders of stems, or folders of such folders; see `find_pairs`.
    si_sdr_only : bool
        Skip BSS Eval, which takes most of the time.
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
    """
    pairs, unmatched = find_pairs(estimates, references)
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


def _score(pair: Pair, si_sdr_only: bool) -> TrackScores:
    stems = load(pair)
    scores = {
        name: TargetScores(si_sdr=_known(si_sdr(stems.references[name], stems.estimates[name])))
        for name in in_target_order(stems.estimates)
    }
    if not si_sdr_only:
        for group in _groups(list(scores)):
            _add_bss_eval(scores, group, stems)
    model = model_of(place.path for place in pair.estimates.values())
    return TrackScores(track=pair.track, model=model, targets=scores, left_out=stems.left_out)


def _groups(names: list[str]) -> list[list[str]]:
    """Return the groups of targets to score together: no target may contain another.

    As in SiSEC, the accompaniment is scored only against the vocals, and the
    vocals take their scores from that pair.
    """
    rest = next((name for name in names if name in NO_VOCALS), None)
    if rest is None or len(names) <= 2:
        return [names]
    main = [name for name in names if name != rest]
    return [main, ["vocals", rest]] if "vocals" in names else [main]


def _add_bss_eval(scores: dict[str, TargetScores], names: list[str], stems: Stems) -> None:
    """Score targets together: the references of the others are the possible interference."""
    sounding = []
    for name in names:
        silent = [
            what
            for what, audio in (
                ("reference", stems.references[name]),
                ("estimate", stems.estimates[name]),
            )
            if is_silent(audio)
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


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
