"""Whole runs of the command: killed at random moments, and side by side.

The model in the box, every family, an ensemble and a chain take turns.
"""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import soundfile

from . import models
from .forked import Run


def kills(folder: Path, count: int, seed: int) -> int:
    """Kill runs over an album at random moments, and finish what each left.

    After a kill no stem with a final name may be incomplete. After the next
    run all stems and records must be there, and nothing else.
    """
    random = Random(seed)
    album = _album(folder, 3)
    cases = _cases(folder, album)
    defects = 0
    for number in range(count):
        case = cases[number % len(cases)]
        out = folder / f"killed-{number}"
        for _ in range(random.choice((1, 1, 2, 3))):
            process = _start(case.model, album, out)
            time.sleep(random.uniform(0.02, 1.05) * case.seconds)
            process.send(random.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            process.finish()
            defects += _tell(number, _damaged(out, case.expected))
        process = _start(case.model, album, out)
        defects += _tell(number, _unfinished(out, case.expected, *process.finish()))
    print(f"{count} kills over {len(cases)} models: {defects} defects")
    return 1 if defects else 0


def races(folder: Path, count: int, seed: int) -> int:
    """Start two to four runs over one album and one output folder at the same time.

    All must succeed, share the work, and leave what one run would leave.
    """
    random = Random(seed)
    album = _album(folder, 3)
    cases = _cases(folder, album)
    defects = 0
    for number in range(count):
        case = cases[number % len(cases)]
        out = folder / f"raced-{number}"
        processes = []
        for _ in range(random.choice((2, 2, 3, 4))):
            processes.append(_start(case.model, album, out))
            time.sleep(random.choice((0.0, random.uniform(0, 0.5))))
        made: list[str] = []
        for process in processes:
            output, errors, code = process.finish()
            made += [
                line["source"]
                for line in map(json.loads, output.splitlines())
                if line["status"] == "separated"
            ]
            reasons = _unfinished(out, {}, output, errors, code)
            defects += _tell(number, reasons)
        if len(made) != len(set(made)):
            defects += _tell(number, [f"a recording was separated twice: {sorted(made)}"])
        defects += _tell(number, _unfinished(out, case.expected, "", "", 0))
    print(f"{count} races over {len(cases)} models: {defects} defects")
    return 1 if defects else 0


def _album(folder: Path, count: int) -> Path:
    import sounds

    album = folder / "album"
    album.mkdir()
    for number in range(count):
        path = album / f"{number}.wav"
        soundfile.write(path, sounds.music(1.5, seed=number), 44100, subtype="FLOAT")
    return album


@dataclass(frozen=True)
class _Case:
    """A model, and what an undisturbed run with it makes in how long."""

    model: tuple[str, ...]
    expected: dict[str, bytes]
    """All files, the records without their content."""
    seconds: float


def _cases(folder: Path, album: Path) -> list[_Case]:
    cases = []
    for number, model in enumerate(models.write(folder / "home")):
        out = folder / f"whole-{number}"
        began = time.monotonic()
        process = _start(model, album, out)
        _, errors, code = process.finish()
        seconds = time.monotonic() - began
        expected = {str(path.relative_to(out)): _content(path) for path in _files(out)}
        if code or not expected:
            raise RuntimeError(f"{' '.join(model)}: {errors}")
        cases.append(_Case(model, expected, seconds))
    return cases


def _start(model: tuple[str, ...], album: Path, out: Path) -> Run:
    options = ("-o", str(out), *model, "--skip-existing", "--json", "--device", "cpu")
    return Run(("separate", str(album), *options))


def _files(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file()] if out.exists() else []


def _content(path: Path) -> bytes:
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
        for path in _files(out)
        if path.name[0] != "." and _content(path) != expected.get(str(path.relative_to(out)))
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
        found = {str(path.relative_to(out)): _content(path) for path in _files(out)}
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
