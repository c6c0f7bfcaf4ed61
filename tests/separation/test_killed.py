"""What a kill or an interruption leaves, at every point: nothing half, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from batches import STEMS, records, statuses
from running import COMMAND, Run, files
from sounds import music, write, write_float

_DIE = """
import os, signal, sys
from unmixcli.files.parts import Part
from unmixcli.audio.writing import StemWriter
from unmixcli.cli.app import main
from unmixcli.stems.manifest import Manifest

def die_at(owner, name, call, before):
    original = getattr(owner, name)
    def counted(*arguments, **named):
        counted.calls += 1
        if before and counted.calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if counted.calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    counted.calls = 0
    setattr(owner, name, counted)

owner, name, call, before = sys.argv[1:5]
die_at(globals()[owner], name, int(call), before == "before")
sys.argv[1:] = sys.argv[5:]
main()
"""

# The call of each that belongs to the second recording; the records are parts, too.
_WRITING = ("StemWriter", "write", 2, "after")
_ABOUT_TO_PLACE = ("Manifest", "_write", 3, "after")
_ONE_PLACED = ("Part", "put", 6, "after")
_ALL_PLACED = ("Manifest", "_write", 4, "before")
_RECORDED = ("Manifest", "_write", 4, "after")


def whole(path: Path) -> bool:
    return soundfile.info(path).frames == 22050


@pytest.mark.parametrize(
    ("point", "overwrite"),
    [
        (_WRITING, False),
        (_ABOUT_TO_PLACE, False),
        (_ONE_PLACED, False),
        (_ONE_PLACED, True),
        (_ALL_PLACED, False),
        (_RECORDED, False),
    ],
)
def test_killed_at(
    batch: Run, album: list[str], tiny_model: Path, point: Any, overwrite: bool
) -> None:
    """The next run finishes the rest; what was done before is left alone; nothing is half."""
    if overwrite:
        assert batch("album", "--niter", "0").code == 0
    options = ["--skip-existing"] + ["--overwrite"] * overwrite
    common = ["-m", tiny_model, "-t", ",".join(STEMS), "-o", "out", *options]
    command = [sys.executable, "-c", _DIE, *point, "separate", "album", *common]
    killed = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finals = [path for path in Path("out").rglob("*.wav") if not path.name.startswith(".")]
    assert all(whole(path) for path in finals)
    first = {path: path.stat().st_mtime_ns for path in Path("out/1").glob("*.wav")}
    assert len(first) == 2
    outcome = batch("album", *options)
    assert outcome.code == 0, outcome.err
    done = "skipped" if point in (_ALL_PLACED, _RECORDED) else "separated"
    assert statuses(outcome) == ["skipped", done, "separated", "separated"]
    assert {path: path.stat().st_mtime_ns for path in Path("out/1").glob("*.wav")} == first
    left = [name for name in files() if name.startswith("out")]
    places = ("1", "2", "cd1/1", "cd2/1")
    expected = [f"out/{t}/{s}" for t in places for s in (".unmix.json", "drums.wav", "vocals.wav")]
    assert left == sorted(expected)
    assert all(whole(Path(name)) for name in left if name.endswith(".wav"))
    assert statuses(batch("album", *options)) == ["skipped"] * 4


def test_killed_again_and_again(batch: Run, run: Run, tiny_model: Path) -> None:
    """At any moment of a run over many files, until it gets through."""
    Path("many").mkdir()
    for k in range(12):
        write_float(Path(f"many/{k:02}.wav"), music(0.5, seed=k))
    common = ["-m", str(tiny_model), "-t", ",".join(STEMS), "-o", "out", "--skip-existing"]
    command = [*COMMAND, "separate", "many", *common]
    random = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = len(list(Path("out").rglob("*.part"))) + 1
        for _ in range(600):  # it is writing, or through
            if process.poll() is not None or len(list(Path("out").rglob("*.part"))) >= wanted:
                break
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.wait()
        stems = [path for path in Path("out").rglob("*.wav") if not path.name.startswith(".")]
        assert all(whole(path) for path in stems)
    outcome = batch("many", "--skip-existing")
    assert outcome.code == 0, outcome.err
    assert len(records(outcome)) == 12
    left = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(left) == 12 * 3
    assert not [path for path in left if path.suffix == ".part"]


@pytest.fixture
def long_track(tmp_path: Path) -> Path:
    return write(tmp_path / "long.flac", np.tile(music(20), (15, 1)))


def started(arguments: list[object], until: Callable[[], bool]) -> subprocess.Popen[str]:
    """Start the command in a process of its own and wait until it is well under way."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not until():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("number", "code", "cleans_up"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, True), (signal.SIGKILL, -9, False)],
)
def test_interrupted_while_writing(
    tmp_path: Path, long_track: Path, tiny_model: Path,
    number: signal.Signals, code: int, cleans_up: bool,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    arguments = ["separate", long_track, "-m", tiny_model, "-o", out]
    process = started(arguments, lambda: any(out.rglob("*.part")))
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert ("error: interrupted" in err) == (number == signal.SIGINT)
    assert not list(out.rglob("*.wav"))
    assert list(out.rglob("*")) == [] if cleans_up else True
    # The next run works whatever the last one left.
    subprocess.run([*COMMAND, *map(str, arguments), "--duration", "1"], check=True)
    assert len(list(out.rglob("*.wav"))) == 4
