"""What combinations of models cost beside their members alone.

    python benchmarks/combinations.py ensemble           # three Open-Unmix models, averaged
    python benchmarks/combinations.py shipped song.flac  # every shipped ensemble and chain

The first runs on an array, without imports and loading, everything in turn; the
second runs whole processes. The weights are random, of the true sizes; they do
not change how much there is to compute. Prints Markdown tables. Needs the
`test` extra, and the second about 6 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

import unmixcli
from against_openunmix import RATE, noise, random_model, table
from true_sizes import bs_roformer, htdemucs, mdx23c, mel_roformer, scnet

CATALOGUE = Path(__file__).parents[1] / "models.toml"

BUILD: dict[str, Callable[[tuple[str, ...]], torch.nn.Module]] = {
    "melband-kim": lambda _: mel_roformer(),
    "bs-vocals-anvuew": lambda _: bs_roformer(),
    "bs-dereverb-anvuew": lambda _: bs_roformer(),
    "mvsep-mega": lambda _: bs_roformer(53),
    "scnet-large": lambda _: scnet(),
    "htdemucs_ft": lambda _: htdemucs(),
    "htdemucs_6s": lambda targets: htdemucs(targets, 384),
    "drumsep-5": mdx23c,
}
"""How to build the network of each model that a shipped combination uses."""


def main() -> None:
    """Run one of the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    one = commands.add_parser("ensemble")
    one.add_argument("--runs", type=int, default=5)
    one.add_argument("--minutes", type=float, default=1.0)
    other = commands.add_parser("shipped")
    other.add_argument("recording", type=Path)
    other.add_argument("names", nargs="*", help="combinations; all, if none is named")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmix-benchmark-") as folder:
        if arguments.what == "ensemble":
            ensemble(Path(folder), arguments.minutes, arguments.runs)
        else:
            shipped(Path(folder), arguments.recording.resolve(), arguments.names)


def ensemble(folder: Path, minutes: float, runs: int) -> None:
    """Compare an ensemble of three Open-Unmix models with its members, in this process."""
    audio = noise(minutes)
    names = [str(random_model(folder / f"member-{k}")) for k in range(3)]
    members = [unmixcli.Separator(model=name, device="cpu") for name in names]
    together = unmixcli.Separator(model="+".join(names), device="cpu")
    separations = [lambda one=one: one.separate(audio, RATE) for one in (*members, together)]
    for run in separations:
        run()
    rounds = [[timed(run) for run in separations] for _ in range(runs)]
    rows = []
    for k, kind in enumerate(("wall time", "processor time")):
        alone = [sum(time[k] for time in one[:-1]) for one in rounds]
        all_in_one = [one[-1][k] for one in rounds]
        ratio = statistics.median(b / a for a, b in zip(alone, all_in_one, strict=True))
        figures = (statistics.median(alone), statistics.median(all_in_one), ratio)
        rows.append((kind, *(f"{figure:.3f}" for figure in figures)))
    print(f"\n{minutes:g} min of noise, {torch.get_num_threads()} threads\n")
    table(("", "members alone, s", "ensemble, s", "ratio"), rows)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time and the processor time of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def shipped(folder: Path, recording: Path, names: list[str]) -> None:
    """Run the shipped combinations and the models in them, each as a process of its own."""
    tables = tomllib.loads(CATALOGUE.read_text())
    combinations = {
        name: members
        for name, own in tables.items()
        if (members := list(members_of(own))) and (not names or name in names)
    }
    used = sorted({member for members in combinations.values() for member in members})
    home = folder / "home"
    home.mkdir()
    # In a process of its own: a child's peak begins with what its parent once held.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        made = [pool.submit(with_weights, name, tables[name], folder) for name in used]
        lines = [line for one in made for line in one.result()]
    lines += [line for name in combinations for line in copied(name)]
    (home / "models.toml").write_text("\n".join(lines))
    print(f"\n{recording.name}, whole processes, {torch.get_num_threads()} threads\n")
    print("| | processor time, s | of its members alone, s | wall time, s | peak memory, MB |")
    print("|---|---|---|---|---|")
    alone: dict[str, float] = {}
    for name, members in combinations.items():
        for one in [*(member for member in members if member not in alone), name]:
            seconds, cpu, peak = separated(one, recording, home, folder / "stems" / one)
            alone[one] = cpu
            together = f"{sum(alone[m] for m in members):.1f}" if one == name else ""
            print(f"| {one} | {cpu:.1f} | {together} | {seconds:.1f} | {peak:.0f} |", flush=True)


def members_of(own: dict[str, Any]) -> Iterator[str]:
    """Yield the models in a combination."""
    for member in own.get("members", ()):
        yield member if isinstance(member, str) else member["model"]
    for stage in own.get("stages", ()):
        yield stage["model"]


def with_weights(name: str, own: dict[str, Any], folder: Path) -> list[str]:
    """Write random weights for a model, and return the lines of a table that has them."""
    torch.manual_seed(len(name))
    lines = [f'[my-{name}]\nlike = "{name}"']
    for weights in own["weights"]:
        network = BUILD[name](tuple(own["targets"]))
        content: object = network.state_dict()
        if own["plugin"] == "demucs":
            args, kwargs = network._init_args_kwargs
            content = {"klass": type(network), "args": args, "kwargs": kwargs, "state": content}
        path = folder / weights["file"]
        torch.save(content, path)
        lines.append(f'[[my-{name}.weights]]\nfile = "{path.name}"\npath = "{path}"')
        if "targets" in weights:
            lines.append(f"targets = {weights['targets']}")
    return lines


def copied(name: str) -> Iterator[str]:
    """Yield the tables of a shipped combination, with the models that have random weights."""
    text = re.sub(rf"^\[(\[?){name}\b", rf"[\1my-{name}", CATALOGUE.read_text(), flags=re.MULTILINE)
    for model in BUILD:
        text = text.replace(f'"{model}"', f'"my-{model}"')
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    yield from (own for own in tables if own.lstrip("[").startswith(f"my-{name}"))


def separated(name: str, recording: Path, home: Path, out: Path) -> tuple[float, float, float]:
    """Separate a recording with a model; return seconds, processor seconds, and peak MB."""
    command = [sys.executable, "-m", "unmixcli", "separate", str(recording), "-m", f"my-{name}"]
    command += ["--outdir", str(out), "--quiet", "--device", "cpu"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"UNMIX_HOME": str(home)})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the command failed: {' '.join(command)}")
    seconds = time.perf_counter() - began
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
