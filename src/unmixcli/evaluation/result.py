"""Scores as data, and their medians."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

METRICS = ("sdr", "sir", "isr", "sar", "si_sdr")
"""Names of the scores, in display order."""
FRAMED = METRICS[:4]
"""Metrics that are computed frame by frame."""

_FIRST = ("vocals", "lead", "backing", "drums", "bass", "guitar", "piano")
_LAST = ("other", "instrumental", "no_vocals", "accompaniment", "residual")


class Scores(BaseModel):
    """One value per metric, in dB; None if it is undefined, for example for silence."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    sdr: float | None = None
    """Signal to distortion."""
    sir: float | None = None
    """Signal to interference from other targets."""
    isr: float | None = None
    """Image to spatial distortion."""
    sar: float | None = None
    """Signal to artifacts."""
    si_sdr: float | None = None
    """Scale-invariant signal to distortion."""


class TargetScores(Scores):
    """Scores of a target in one track: medians over its frames, SI-SDR over the whole track."""

    frames: dict[str, list[float | None]] = {}
    """By metric, one value per second."""


class TrackScores(BaseModel):
    """Scores of one track."""

    track: str
    model: str = ""
    """The model that made the stems, if a record beside them names it."""
    targets: dict[str, TargetScores]
    left_out: list[str] = []
    """Sentences on stems that could not be scored."""


class EvaluationResult(BaseModel):
    """Scores of all tracks."""

    targets: dict[str, Scores]
    """The medians over the tracks."""
    overall: Scores
    """The means over the targets."""
    tracks: list[TrackScores]
    failed: dict[str, str] = {}
    """Tracks that could not be scored, and why."""


def in_target_order(names: Iterable[str]) -> list[str]:
    """Sort targets as people list them: vocals first, what is left of the mixture last."""
    names = list(names)
    order = {name: k for k, name in enumerate(_FIRST)} | dict.fromkeys(_LAST, 99)
    return sorted(names, key=lambda name: order.get(name, 50))


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of the defined values, or None if all are undefined."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return float(statistics.median(known)) if known else None


def summarise(tracks: Sequence[TrackScores], failed: dict[str, str]) -> EvaluationResult:
    """Compute the medians over tracks, as in SiSEC."""
    names = in_target_order(dict.fromkeys(name for track in tracks for name in track.targets))
    targets = {
        name: Scores(
            **{
                metric: median(
                    getattr(track.targets[name], metric)
                    for track in tracks
                    if name in track.targets
                )
                for metric in METRICS
            }
        )
        for name in names
    }
    overall = {}
    for metric in METRICS:
        known = [v for s in targets.values() if (v := getattr(s, metric)) is not None]
        overall[metric] = statistics.fmean(known) if known else None
    return EvaluationResult(
        targets=targets, overall=Scores(**overall), tracks=list(tracks), failed=failed
    )
