"""The curves of a run, from its log."""

from __future__ import annotations

import csv
from pathlib import Path

from .generator import TARGETS


def plot(run: Path, path: Path) -> None:
    """Draw loss and validation SDR over the steps; the format is that of the path's suffix."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with (run / "log.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    steps = [row["step"] for row in rows]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(steps, [row["loss"] for row in rows])
    left.set(xlabel="step", ylabel="training loss")
    for target in TARGETS:
        right.plot(steps, [row[f"{target}_ratio"] for row in rows], label=target)
    for name in (column for column in rows[0] if column.endswith(" mean_ratio")):
        label = f"mean, {name.removesuffix(' mean_ratio').removeprefix('validation-')}"
        right.plot(steps, [row[name] for row in rows], "--", label=label)
    right.set(xlabel="step", ylabel="SDR on held-out songs, dB")
    right.legend()
    right.grid(alpha=0.3)
    figure.savefig(path)
