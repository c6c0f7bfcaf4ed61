"""Compare speed and memory with the package `openunmix`, running both in turn.

Uses random weights in the true layout (four targets, hidden size 512, stereo,
44.1 kHz) and noise; neither changes the amount of computation.

    python benchmarks/against_openunmix.py separation   # without imports and loading
    python benchmarks/against_openunmix.py process      # whole processes on a 4-minute file
    python benchmarks/against_openunmix.py memory       # peak memory by length, ours only

Prints medians and the median ratio of the pairs, as one Markdown table each.
Needs the `test` extra. Machines are noisy: trust the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 44100
TARGETS = ("vocals", "drums", "bass", "other")

REFERENCE = """
import sys
import numpy as np, soundfile, torch
from openunmix.model import OpenUnmix, Separator
folder, source, out, niter = sys.argv[1:]
networks = {}
for target in ("vocals", "drums", "bass", "other"):
    networks[target] = OpenUnmix(2049, 2, 512, max_bin=1487)
    networks[target].load_state_dict(torch.load(f"{folder}/{target}.pth", weights_only=True))
separator = Separator(networks, niter=int(niter))
separator.freeze()
audio, rate = soundfile.read(source, dtype="float32")
with torch.no_grad():
    stems = separator(torch.from_numpy(audio.T.copy())[None])[0]
for target, stem in zip(networks, stems.numpy()):
    soundfile.write(f"{out}/{target}.wav", stem.T, rate, "FLOAT")
"""


def main() -> None:
    """Run one of the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("separation", "process", "memory"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--minutes", type=float, nargs="+", help="lengths of the audio")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmix-benchmark-") as folder:
        model = random_model(Path(folder) / "model")
        if arguments.what == "separation":
            separation(model, (arguments.minutes or [1.0])[0], arguments.runs)
        elif arguments.what == "process":
            processes(model, Path(folder), (arguments.minutes or [4.0])[0], arguments.runs)
        else:
            memory(model, Path(folder), arguments.minutes or [1.0, 5.0, 20.0, 60.0])


def random_model(folder: Path) -> Path:
    """Write a model folder with random weights that keep gains between 0 and 1."""
    import json

    import torch
    from openunmix.model import OpenUnmix

    torch.manual_seed(0)
    folder.mkdir()
    for target in TARGETS:
        network = OpenUnmix(2049, 2, 512, max_bin=1487)
        with torch.no_grad():
            network.output_mean.uniform_(0, 0.5)
            network.output_scale.fill_(0.1)
        torch.save(network.state_dict(), folder / f"{target}.pth")
        arguments = {"nfft": 4096, "nhop": 1024, "nb_channels": 2, "hidden_size": 512}
        (folder / f"{target}.json").write_text(json.dumps({"args": arguments}))
    return folder


def noise(minutes: float) -> np.ndarray:
    """Return noise of shape (samples, 2)."""
    random = np.random.default_rng(0)
    return random.uniform(-0.5, 0.5, (int(minutes * 60 * RATE), 2)).astype(np.float32)


def separation(model: Path, minutes: float, runs: int) -> None:
    """Time the separation of an array in this process."""
    import torch
    from openunmix.model import OpenUnmix, Separator

    import unmixcli

    audio = noise(minutes)
    networks = {}
    for target in TARGETS:
        networks[target] = OpenUnmix(2049, 2, 512, max_bin=1487)
        state = torch.load(model / f"{target}.pth", weights_only=True)
        networks[target].load_state_dict(state)
    mixture = torch.from_numpy(audio.T.copy())[None]
    rows = []
    for niter in (1, 0):
        theirs = Separator(networks, niter=niter)
        theirs.freeze()
        ours = unmixcli.Separator(model=str(model), targets=TARGETS, niter=niter, device="cpu")
        difference = 0.0

        def reference() -> np.ndarray:
            with torch.no_grad():
                return theirs(mixture)[0].numpy()  # noqa: B023

        def unmix() -> np.ndarray:
            stems = ours.separate(audio, RATE)  # noqa: B023
            return np.stack([stems[target].T for target in TARGETS])

        difference = float(np.abs(reference() - unmix()).max())  # this also warms up both
        times = take_turns(reference, unmix, runs)
        rows.append((f"niter {niter}", *times, f"{difference:.1e}"))
    print(f"\nSeparation alone, {minutes:g} min, {os.cpu_count()} cores, {runs} pairs\n")
    table(("", "openunmix s", "unmix s", "ratio", "largest difference"), rows)


def take_turns(
    reference: Callable[[], object], unmix: Callable[[], object], runs: int
) -> tuple[str, str, str]:
    """Time two functions in turn; return the medians and the median of the ratios."""
    pairs = []
    for _ in range(runs):
        pair = []
        for function in (reference, unmix):
            began = time.perf_counter()
            function()
            pair.append(time.perf_counter() - began)
        pairs.append(pair)
    ratios = [first / second for first, second in pairs]
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return (f"{medians[0]:.2f}", f"{medians[1]:.2f}", f"{statistics.median(ratios):.2f}")


def processes(model: Path, folder: Path, minutes: float, runs: int) -> None:
    """Time whole processes, from the start of Python to the stems on disk."""
    source = folder / "noise.flac"
    soundfile.write(source, noise(minutes), RATE)
    (folder / "reference").mkdir()
    rows = []
    for niter in (1, 0):
        theirs = [sys.executable, "-c", REFERENCE, model, source, folder / "reference", niter]
        ours = [sys.executable, "-m", "unmixcli", "separate", source, "--model", model]
        ours += ["--niter", niter, "--outdir", folder / "out", "--overwrite", "--quiet"]
        ours += ["--device", "cpu"]
        figures = [(measure(theirs), measure(ours)) for _ in range(runs)]
        seconds = [statistics.median(pair[k][0] for pair in figures) for k in (0, 1)]
        peaks = [max(pair[k][1] for pair in figures) / 1e9 for k in (0, 1)]
        ratio = statistics.median(first[0] / second[0] for first, second in figures)
        rows.append(
            (f"niter {niter}", f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{ratio:.2f}",
             f"{peaks[0]:.2f}", f"{peaks[1]:.2f}")
        )  # fmt: skip
    print(f"\nWhole process, {minutes:g} min of FLAC, {os.cpu_count()} cores, {runs} pairs\n")
    table(("", "openunmix s", "unmix s", "ratio", "openunmix GB", "unmix GB"), rows)


def memory(model: Path, folder: Path, lengths: list[float]) -> None:
    """Measure the peak memory of whole processes for several lengths."""
    rows = []
    for minutes in lengths:
        source = folder / "noise.flac"
        with soundfile.SoundFile(source, "w", RATE, 2) as file:
            minute = noise(1.0)
            for _ in range(round(minutes)):
                file.write(minute)
        command = [sys.executable, "-m", "unmixcli", "separate", source, "--model", model]
        command += ["--outdir", folder / "out", "--overwrite", "--quiet", "--device", "cpu"]
        seconds, peak = measure(command)
        rows.append((f"{minutes:g} min", f"{seconds:.1f}", f"{peak / 1e9:.2f}"))
    print("\nWhole process of unmix, niter 1\n")
    table(("", "s", "peak GB"), rows)


def measure(command: list[object]) -> tuple[float, int]:
    """Run a command; return its seconds and its peak memory in bytes."""
    began = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)))
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        sys.exit(f"the command failed: {' '.join(map(str, command))}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a Markdown table."""
    for row in (header, ("---",) * len(header), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
