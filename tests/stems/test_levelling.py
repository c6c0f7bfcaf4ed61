"""One gain for all stems gives the recording its loudness, and never clips in silence."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import unmixcli
from sounds import music, write_float
from unmixcli.errors import UsageError
from unmixcli.separation.results import SeparatedTrack
from unmixcli.signal.loudness import loudness_of

RATE = 44100


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_float(tmp_path / "song.wav", 0.5 * music(1.5))


def made(tiny_model: Path, song: Path, folder: str, **options: Any) -> SeparatedTrack:
    separator = unmixcli.Separator(
        model=str(tiny_model),
        targets=("vocals", "drums"),
        niter=0,
        outdir=song.parent / folder,
        **options,
    )
    return separator.separate_file(song)


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def lufs(audio: np.ndarray) -> float:
    return loudness_of([audio], RATE)


def test_all_stems_get_the_gain_of_the_recording(tiny_model: Path, song: Path) -> None:
    common: dict[str, Any] = {"mix": ("rest=mixture-vocals-drums",)}
    plain = made(tiny_model, song, "plain", **common)
    levelled = made(tiny_model, song, "levelled", loudness=-30, **common)
    gain = 10 ** ((-30 - lufs(read(song))) / 20)
    assert levelled.gain == pytest.approx(gain, rel=1e-4)
    for name, path in plain.stems.items():
        np.testing.assert_allclose(read(levelled.stems[name]), gain * read(path), atol=1e-6)
    total = sum(read(path) for path in levelled.stems.values())
    assert lufs(total) == pytest.approx(-30, abs=0.01)
    record = json.loads((song.parent / "levelled/song/.unmix.json").read_text())["made"][0]
    assert record["options"]["loudness"] == -30
    assert record["measured"]["lufs"] == -30
    assert record["measured"]["lufs_before"] == pytest.approx(lufs(read(song)), abs=0.01)


def test_a_single_file_has_the_loudness_itself(tiny_model: Path, song: Path) -> None:
    track = made(tiny_model, song, "karaoke", preset="karaoke", loudness=-33)
    assert lufs(read(track.stems["karaoke"])) == pytest.approx(-33, abs=0.01)


def test_a_loudness_that_would_clip_is_missed_and_said(
    tiny_model: Path, song: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        track = made(tiny_model, song, "loud", loudness=0, mix=("all=1*mixture",))
    peaks = [np.abs(read(path)).max() for path in track.stems.values()]
    assert max(peaks) == pytest.approx(1, abs=1e-3)
    assert track.loudness is not None and track.loudness.reached < -3
    assert f"it has {track.loudness.reached:.1f} instead of 0.0 LUFS" in caplog.text


@pytest.mark.parametrize(
    ("clip", "format", "words"),
    [("clamp", "flac", "samples beyond full scale were limited"), ("none", "wav", "peaks exceed")],
)
def test_clipping_that_is_asked_for_is_said(
    tiny_model: Path,
    song: Path,
    caplog: pytest.LogCaptureFixture,
    clip: Any,
    format: Any,
    words: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        track = made(
            tiny_model, song, clip, loudness=0, clip=clip, format=format, mix=("all=1*mixture",)
        )
    assert track.loudness is not None and track.loudness.reached == pytest.approx(0)
    assert words in caplog.text


def test_silence_keeps_its_level(
    tiny_model: Path, song: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_float(song, np.zeros((RATE, 2), np.float32))
    with caplog.at_level(logging.WARNING):
        track = made(tiny_model, song, "silent", loudness=-14)
    assert track.gain == 1 and track.loudness is None
    assert "has no loudness; its level was kept" in caplog.text


def test_loudness_tags_of_the_recording_are_not_those_of_its_stems(
    tiny_model: Path, song: Path
) -> None:
    """A player would turn the stems down by the recording's gain."""
    import mutagen

    flac = song.with_suffix(".flac")
    soundfile.write(flac, music(0.5), RATE)
    file = mutagen.File(flac)
    file["title"], file["replaygain_track_gain"], file["r128_track_gain"] = "Song", "-9 dB", "-512"
    file.save()
    track = made(tiny_model, flac, "tagged", format="flac")
    tags = mutagen.File(track.stems["vocals"]).tags
    assert {name.lower() for name, _ in tags} == {"title"}


@pytest.mark.parametrize("lufs", [14, 0.5, -70, float("nan")])
def test_a_loudness_that_makes_no_sense(lufs: float) -> None:
    with pytest.raises(UsageError, match="loudness"):
        unmixcli.SeparationConfig.parse(loudness=lufs)
