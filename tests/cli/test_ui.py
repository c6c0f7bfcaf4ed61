"""Progress where no bar can be shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sounds import music, write_float
from unmixcli.audio.reading import open_excerpt
from unmixcli.cli import console, ui


@pytest.fixture
def dumb(monkeypatch: pytest.MonkeyPatch) -> Iterator[ui.Screen]:
    """A terminal that cannot move its cursor."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    monkeypatch.setattr(ui, "_PLAIN_FIRST", 0.05)
    monkeypatch.setattr(ui, "_PLAIN_INTERVAL", 0.1)
    console.stderr.cache_clear()
    yield ui.Screen()
    console.stderr.cache_clear()


def test_a_dumb_terminal_gets_lines(
    dumb: ui.Screen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dumb.console.is_terminal
    recording = open_excerpt(write_float(tmp_path / "song.wav", music(0.5)))
    with dumb.track(recording, "1/2", lambda fraction: 61.0) as update:
        time.sleep(0.3)  # nothing is reported, as by a model with long segments
        assert "1/2 song.wav: reading" in capsys.readouterr().err
        update("separating", 0.25)
        assert "separating, 25 %, 1:01 for all" in capsys.readouterr().err.replace("  ", " ")
    time.sleep(0.1)
    assert not capsys.readouterr().err  # nothing is printed later


def test_the_first_line_comes_within_five_seconds() -> None:
    assert ui._PLAIN_FIRST <= 5
