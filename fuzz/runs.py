"""Whole runs of the command: killed at random moments, and side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import soundfile

from . import seeds

STEMS = ("vocals", "drums", "bass", "other")
MODEL = ("-m", "umx-synth", "--niter", "0")


def kills(folder: Path, count: int, seed: int) -> int:
    """Kill runs over an album at random moments, and finish what each left.

    After a kill no stem with a final name may be incomplete. After the next
    run all stems and records must be there, and nothing else.
    """
    random = Random(seed)
    album = album_of(folder, 3)
    expected = _expected(folder, album)
    seconds = _seconds_of_a_run(folder, album)
    defects = 0
    for number in range(count):
        out = folder / f"killed-{number}"
        for _ in range(random.choice((1, 1, 2, 3))):
            process = _start(album, out)
            time.sleep(random.uniform(0.2, 1.05) * seconds)
            process.send_signal(random.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            process.communicate()
            defects += _tell(number, _damaged(out, expected))
        process = _start(album, out)
        output, errors = process.communicate(timeout=600)
        defects += _tell(number, _unfinished(out, expected, output, errors, process.returncode))
    print(f"{count} kills: {defects} defects")
    return 1 if defects else 0


def races(folder: Path, count: int, seed: int) -> int:
    """Start two to four runs over one album and one output folder at the same time.

    All must succeed, share the work, and leave what one run would leave.
    """
    random = Random(seed)
    album = album_of(folder, 3)
    expected = _expected(folder, album)
    defects = 0
    for number in range(count):
        out = folder / f"raced-{number}"
        processes = []
        for _ in range(random.choice((2, 2, 3, 4))):
            processes.append(_start(album, out))
            time.sleep(random.choice((0.0, random.uniform(0, 1))))
        made: list[str] = []
        for process in processes:
            output, errors = process.communicate(timeout=600)
            made += [
                line["source"]
                for line in map(json.loads, output.splitlines())
                if line["status"] == "separated"
            ]
            reasons = _unfinished(out, {}, output, errors, process.returncode)
            defects += _tell(number, reasons)
        if len(made) != len(set(made)):
            defects += _tell(number, [f"a recording was separated twice: {sorted(made)}"])
        defects += _tell(number, _unfinished(out, expected, "", "", 0))
    print(f"{count} races: {defects} defects")
    return 1 if defects else 0


def album_of(folder: Path, count: int, seconds: float = 1.5) -> Path:
    """Make an album of noise and tones."""
    import sounds

    album = folder / "album"
    album.mkdir()
    for number in range(count):
        path = album / f"{number}.wav"
        soundfile.write(path, sounds.music(seconds, seed=number), 44100, subtype="FLOAT")
    return album


def _expected(folder: Path, album: Path) -> dict[str, bytes]:
    """Return all files of an undisturbed run, the records without their content."""
    out = folder / "whole"
    _start(album, out).communicate(timeout=600)
    found = {str(path.relative_to(out)): content(path) for path in files_below(out)}
    assert len(found) == len(list(album.iterdir())) * (len(STEMS) + 1), sorted(found)
    return found


def _seconds_of_a_run(folder: Path, album: Path) -> float:
    began = time.monotonic()
    _start(album, folder / "timed").communicate(timeout=600)
    return time.monotonic() - began


def _start(album: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "unmixcli", "separate", str(album), "-o", str(out), *MODEL]
    path = os.pathsep.join((str(seeds.ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    return subprocess.Popen(
        [*command, "--skip-existing", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )


def files_below(out: Path) -> list[Path]:
    """Return all files, hidden ones too."""
    return [path for path in out.rglob("*") if path.is_file()] if out.exists() else []


def content(path: Path) -> bytes:
    """Return the samples of a stem; the file itself also tells when it was written."""
    if path.suffix == ".json":
        return b""
    try:
        return soundfile.read(path, dtype="float32")[0].tobytes()
    except soundfile.LibsndfileError:
        return b"unreadable"


def _damaged(out: Path, expected: dict[str, bytes]) -> list[str]:
    """Name the stems that have a final name and are not whole."""
    return [
        f"{path} is not whole"
        for path in files_below(out)
        if path.name[0] != "." and content(path) != expected.get(str(path.relative_to(out)))
    ]


def _unfinished(
    out: Path, expected: dict[str, bytes], output: str, errors: str, code: int
) -> list[str]:
    """Say what a finished run left undone."""
    reasons = []
    if code or "Traceback" in errors:
        reasons.append(f"exit code {code}: {errors[-2000:]}")
    reasons += [line for line in output.splitlines() if json.loads(line)["status"] == "failed"]
    if expected:
        found = {str(path.relative_to(out)): content(path) for path in files_below(out)}
        reasons += [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
        reasons += [f"{name} was left behind" for name in sorted(found.keys() - expected.keys())]
        reasons += [
            f"{name} has another content"
            for name in sorted(expected.keys() & found.keys())
            if expected[name] != found[name]
        ]
    return reasons


def _tell(number: int, reasons: list[str]) -> int:
    for reason in reasons:
        print(f"--- {number}: {reason}", flush=True)
    return len(reasons)
