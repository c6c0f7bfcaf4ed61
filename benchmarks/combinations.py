"""What a combination of models costs beside its members alone.

    python benchmarks/combinations.py ensemble           # three Open-Unmix models, averaged

Runs on an array, without imports and loading, everything in turn; prints
medians of processor seconds and wall time as a Markdown table. The weights are
random, of the true sizes. Needs the `test` extra.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from against_openunmix import RATE, noise, random_model, table

import unmixcli


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("ensemble",))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--method", default="average")
    arguments = parser.parse_args()
    audio = noise(arguments.minutes)
    with tempfile.TemporaryDirectory(prefix="unmix-benchmark-") as folder:
        names = [str(random_model(Path(folder) / f"member-{k}")) for k in range(3)]
        members = [unmixcli.Separator(model=name, device="cpu") for name in names]
        together = unmixcli.Separator(model="+".join(names), device="cpu")
    runs = [lambda one=one: one.separate(audio, RATE) for one in (*members, together)]
    for run in runs:
        run()
    rounds = [[timed(run) for run in runs] for _ in range(arguments.runs)]
    rows = []
    for k, kind in enumerate(("wall time", "processor time")):
        alone = [sum(time[k] for time in one[:-1]) for one in rounds]
        all_in_one = [one[-1][k] for one in rounds]
        ratio = statistics.median(b / a for a, b in zip(alone, all_in_one, strict=True))
        figures = (statistics.median(alone), statistics.median(all_in_one), ratio)
        rows.append((kind, *(f"{figure:.3f}" for figure in figures)))
    print(f"\n{arguments.minutes:g} min of noise, {torch.get_num_threads()} threads\n")
    table(("", "members alone, s", "ensemble, s", "ratio"), rows)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time and the processor time of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
