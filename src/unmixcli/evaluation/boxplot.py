"""Draw the scores: one box per target, one panel per metric."""

from __future__ import annotations

import math
import secrets
from pathlib import Path

from ..errors import OutputError, UnmixError, UsageError
from ..words import display
from .result import METRICS, EvaluationResult

FORMATS = ("png", "svg", "pdf")
_TITLES = {"sdr": "SDR", "sir": "SIR", "isr": "ISR", "sar": "SAR", "si_sdr": "SI-SDR"}


def check_plot(path: Path) -> None:
    """Check that `draw_boxplot` can work, before the scores are computed.

    Raises
    ------
    UsageError
        If the file's name does not end in a supported format.
    OutputError
        If its folder does not exist.
    UnmixError
        If matplotlib is not installed.
    """
    if path.suffix.lower().lstrip(".") not in FORMATS:
        raise UsageError(
            f"a picture cannot be written as {display(path)}: its name must end in "
            f"{', '.join(f'.{name}' for name in FORMATS)}"
        )
    if not path.absolute().parent.is_dir():
        raise OutputError(f"the folder {display(path.absolute().parent)} does not exist")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UnmixError("a picture needs matplotlib: run `pip install matplotlib`") from None


def draw_boxplot(result: EvaluationResult, path: Path) -> None:
    """Draw the scores of all tracks or, if there is only one, of its frames.

    Parameters
    ----------
    result : EvaluationResult
    path : Path
        A PNG, SVG or PDF file, replaced if it exists.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    metrics = [name for name in METRICS if _values(result, name)]
    targets = list(result.targets)
    figure = Figure(figsize=(2.2 + 1.9 * len(metrics), 3.6), layout="constrained")
    figure.suptitle(_title(result), fontsize=10)
    panels = figure.subplots(1, max(len(metrics), 1), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=False):
        values = _values(result, metric)
        panel.boxplot(
            [values.get(name, []) for name in targets],
            widths=0.6,
            medianprops={"color": "#c42e60", "linewidth": 2},
            flierprops={"markersize": 3},
        )
        labels = [f"{name}\nn = {len(values.get(name, []))}" for name in targets]
        panel.set_xticks(range(1, len(targets) + 1), labels, rotation=35, ha="right")
        panel.set_title(f"{_TITLES[metric]} in dB", fontsize=10)
        panel.grid(axis="y", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    kind = path.suffix.lower().lstrip(".")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        figure.savefig(part, format=kind, dpi=150)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{display(path)} cannot be written: {error.strerror}") from None


def _title(result: EvaluationResult) -> str:
    models = sorted({track.model for track in result.tracks} - {""})
    named = f"{', '.join(models)}: " if models else ""
    if len(result.tracks) == 1:
        return f"{named}{result.tracks[0].track}, its seconds"
    return f"{named}{len(result.tracks)} tracks, the median of each"


def _values(result: EvaluationResult, metric: str) -> dict[str, list[float]]:
    """Return the values of a metric to draw, by target."""
    values: dict[str, list[float]] = {}
    single = len(result.tracks) == 1
    for track in result.tracks:
        for name, scores in track.targets.items():
            whole = [getattr(scores, metric)]
            found = scores.frames.get(metric, whole) if single else whole
            kept = [v for v in found if v is not None and math.isfinite(v)]
            if kept:
                values.setdefault(name, []).extend(kept)
    return values
