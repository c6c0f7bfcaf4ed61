"""Running `unmix` in a test as a user would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import unmixcli
from unmixcli.cli.app import main

Run = Callable[..., "Outcome"]
COMMAND = (sys.executable, "-m", "unmixcli")
"""`unmix` in a process of its own."""


class Outcome:
    """What a user gets of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def error(self) -> str:
        """The one sentence; there must be no more than one, and no traceback."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture(name="run")
def run_unmix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run `unmix` in an empty working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["unmix", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as caught:
            main()
        signal.signal(signal.SIGTERM, handler)
        return Outcome(int(caught.value.code or 0), *capsys.readouterr())

    return run


def environment(*folders: str | Path) -> dict[str, str]:
    """Return the environment of a process that imports from these folders first."""
    path = [*map(str, folders), str(Path(unmixcli.__file__).parents[1])]
    if there := os.environ.get("PYTHONPATH"):
        path.append(there)
    own = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(path)}
    return os.environ | own


def unmix(*arguments: object, first: str | Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `unmix` in a process of its own, which imports from a folder first."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(*([first] if first else [])),
        capture_output=True,
        text=True,
        check=False,
    )


def files() -> list[str]:
    """Everything below the working directory, hidden files too."""
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())
