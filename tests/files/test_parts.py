"""Unfinished files: whose they are, and when they are swept away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from unmixcli.audio.formats import Encoding
from unmixcli.audio.writing import Shape, StemWriter
from unmixcli.files import parts
from unmixcli.files.parts import Part, is_locked, sweep


def writer(path: Path) -> StemWriter:
    encoding = Encoding.of("wav")
    return StemWriter([path], Shape(44100, 1, 100), encoding, overwrite=True)


def test_what_a_living_process_writes_is_not_swept_away(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    dead = tmp_path / ".a.wav.0123abcd.part"
    others = [tmp_path / f for f in (".a.wav.part", ".a.wav.keep.part", ".b.wav.0123abcd.part")]
    for file in (dead, *others):
        file.write_text("x")
    with writer(path) as living:
        assert not dead.exists()
        assert all(file.exists() for file in others)
        part = living.parts[path]
        assert is_locked(part)
        sweep(path)
        assert part.exists()
        living.write(np.zeros((1, 1, 100), np.float32))
    assert soundfile.info(path).frames == 100
    assert not is_locked(path)


def test_a_part_that_is_swept_away_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer learns of it and makes another."""
    real = parts.fcntl.flock
    calls = []

    def flock(handle: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            sweep(tmp_path / "a.wav")
        real(handle, how)

    monkeypatch.setattr(parts.fcntl, "flock", flock)
    part = Part(tmp_path / "a.wav")
    assert part.path.exists()
    assert [path.name for path in tmp_path.iterdir()] == [part.path.name]
    part.discard()
    assert list(tmp_path.iterdir()) == []
