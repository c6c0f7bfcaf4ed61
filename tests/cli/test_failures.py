"""Failures on the screen: which recording, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from running import Run
from sounds import music, write_float
from toys import Scripted, entry


def test_a_failure_names_its_recording_once(run: Run, install: Callable[..., None]) -> None:
    """The plugin's words do not, and those about a missing file do."""
    install(entry(Scripted(script=lambda mixture, targets: [])))
    for name in ("one.wav", "two.wav"):
        write_float(Path(name), music(0.2))
    outcome = run("separate", "one.wav", "two.wav", "three.wav", "-m", "acted")
    assert outcome.code == 1
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith("error: one.wav: the plugin toy is faulty: acted yields nothing")
    assert errors[1].startswith("error: two.wav: the plugin toy is faulty: acted yields nothing")
    assert errors[2] == "error: three.wav does not exist"
