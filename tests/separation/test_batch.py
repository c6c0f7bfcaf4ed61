"""Many recordings: a failure of one is its own, and all are accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import unmixcli
from batches import STEMS, records, statuses
from networks import four_states, write_folder
from running import Run, files
from sounds import music, write_float


def test_one_bad_recording_does_not_stop_the_others(batch: Run, album: list[str]) -> None:
    Path("album/2.wav").write_bytes(b"RIFF, more or less")
    Path("album/cd1/1.wav").write_bytes(Path("album/1.wav").read_bytes()[:40])
    outcome = batch("missing.wav", "album")
    assert outcome.code == 1
    found = records(outcome)
    assert [record["status"] for record in found] == [
        "failed",
        "separated",
        "failed",
        "failed",
        "separated",
    ]
    assert found[0] == {
        "source": "missing.wav",
        "status": "failed",
        "error": "missing.wav does not exist",
    }
    assert "5 recordings: 2 separated, 0 skipped, 3 failed; 0:01 of audio in" in outcome.err
    # Each reason is printed once.
    assert outcome.err.count("error: missing.wav does not exist") == 1
    assert outcome.err.count("missing.wav") == 1
    assert outcome.err.count("album/2.wav cannot be read") == 1
    assert "Traceback" not in outcome.err
    assert "warning" not in outcome.err
    stems = [name for name in files() if name.startswith("out") and name.endswith(".wav")]
    assert stems == sorted(f"out/{t}/{s}.wav" for t in ("1", "cd2/1") for s in STEMS)


def test_a_model_that_fails_on_one_recording(
    batch: Run, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own exceptions are no reason to give up the others, or to show a traceback."""
    original = unmixcli.Separator.separate_file

    def fails(self: Any, recording: Any, *arguments: Any, **named: Any) -> Any:
        if recording.path.name == "2.wav":
            raise RuntimeError("out of\nmemory")
        return original(self, recording, *arguments, **named)

    monkeypatch.setattr(unmixcli.Separator, "separate_file", fails)
    outcome = batch()
    assert outcome.code == 1
    assert outcome.error.endswith("2.wav could not be separated: RuntimeError: out of memory")
    assert statuses(outcome).count("separated") == 3


def test_tags_are_read_once_a_recording(
    batch: Run, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmixcli.stems import destination

    read: list[Any] = []
    original = destination.read_tags

    def counting(source: Any) -> Any:
        read.append(source)
        return original(source)

    monkeypatch.setattr(destination, "read_tags", counting)
    assert statuses(batch()).count("separated") == len(read) > 1


def test_a_model_that_cannot_be_had_stops_all(run: Run, album: list[str], tmp_path: Path) -> None:
    outcome = run("separate", "album", "-m", "nothing-like-it")
    assert outcome.code == 3
    assert "unknown model" in outcome.error


def test_a_single_recording_has_no_summary(batch: Run, album: list[str]) -> None:
    assert "recordings:" not in batch(album[0]).err
    assert "2 recordings: 1 separated, 0 skipped, 1 failed;" in batch("x.wav", album[1]).err


def test_weights_are_loaded_once_for_several_tracks(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmixcli.models.openunmix import loading

    folder = write_folder(tmp_path / "four", four_states(hidden=16))
    loaded: list[Path] = []
    real = loading.read_checkpoint
    monkeypatch.setattr(loading, "read_checkpoint", lambda path: loaded.append(path) or real(path))
    for name in "abc":
        write_float(Path(f"{name}.wav"), music(0.3))
    assert run("separate", "a.wav", "b.wav", "c.wav", "-m", folder).code == 0
    assert len(loaded) == 4
