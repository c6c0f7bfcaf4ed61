"""Write scores to files: a table as CSV, and one JSON file per track as museval writes it."""

from __future__ import annotations

import csv
import io
import json
import math
import secrets
from pathlib import Path

from ..errors import OutputError
from ..words import display
from .result import FRAMED, METRICS, EvaluationResult, TrackScores


def check_csv(path: Path) -> None:
    """Check that `write_csv` can work, before the scores are computed.

    Raises
    ------
    OutputError
        If the folder of the file does not exist, or the file is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{display(path)} is a folder: give the name of a file")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"the folder {display(path.absolute().parent)} does not exist")


def write_csv(result: EvaluationResult, path: Path) -> None:
    """Write one row per track and target, in dB; undefined scores are empty.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["track", "model", "target", *METRICS])
    for track in result.tracks:
        for name, scores in track.targets.items():
            values = [getattr(scores, metric) for metric in METRICS]
            shown = ["" if value is None else f"{value:.5f}" for value in values]
            rows.writerow([track.track, track.model, name, *shown])
    _write(path, text.getvalue())


def write_museval(result: EvaluationResult, folder: Path) -> list[Path]:
    """Write ``FOLDER/test/TRACK.json`` for each track, as museval's `EvalStore` reads it.

    Its frames are one second long. Infinite and undefined scores are NaN.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    written = []
    for track in result.tracks:
        path = folder / "test" / f"{track.track}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{display(path.parent)} cannot be made: {error.strerror}") from None
        _write(path, json.dumps(_museval(track), indent=2))
        written.append(path)
    return written


def _museval(track: TrackScores) -> dict[str, object]:
    targets = [
        {
            "name": name,
            "frames": [
                {
                    "time": float(second),
                    "duration": 1.0,
                    "metrics": {m.upper(): _finite(scores.frames[m][second]) for m in FRAMED},
                }
                for second in range(len(scores.frames["sdr"]))
            ],
        }
        for name, scores in track.targets.items()
        if scores.frames
    ]
    return {"targets": targets, "museval_version": "0.4.1"}


def _finite(value: float | None) -> float:
    return round(value, 5) if value is not None and math.isfinite(value) else math.nan


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{display(path)} cannot be written: {error.strerror}") from None
