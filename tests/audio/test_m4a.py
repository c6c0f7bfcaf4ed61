"""Stems as AAC in m4a: exact length, bit rates, levels."""

from __future__ import annotations

from pathlib import Path

import mutagen
import numpy as np
import pytest

from running import Run
from sounds import music, write_aac, write_float
from unmixcli.audio.formats import Encoding
from unmixcli.audio.reading import open_excerpt
from unmixcli.audio.writing import Shape, StemWriter
from unmixcli.errors import OutputError


def tone(length: int, channels: int = 2, rate: int = 44100) -> np.ndarray:
    time = np.arange(length) / rate
    return np.stack([0.4 * np.sin(2 * np.pi * (330 + 110 * k) * time) for k in range(channels)])


def save(path: Path, samples: np.ndarray, rate: int = 44100, step: int = 700, **choices) -> None:
    shape = Shape(rate, len(samples), samples.shape[-1])
    with StemWriter([path], shape, Encoding.of("m4a", **choices)) as writer:
        for first in range(0, samples.shape[-1], step):
            writer.write(samples[np.newaxis, :, first : first + step].astype(np.float32))


def read(path: Path) -> np.ndarray:
    return np.concatenate(list(open_excerpt(path).blocks()), -1)


@pytest.mark.parametrize("length", [10, 1023, 1024, 1025, 2048, 50000])
@pytest.mark.parametrize("channels", [1, 2])
def test_exactly_as_long_and_in_place(tmp_path: Path, length: int, channels: int) -> None:
    samples = tone(length, channels)
    save(tmp_path / "a.m4a", samples)
    found = read(tmp_path / "a.m4a")
    assert found.shape == samples.shape
    if length > 3000:
        middle = slice(1024, -1024)
        np.testing.assert_allclose(found[:, middle], samples[:, middle], atol=0.05)


@pytest.mark.parametrize("rate", [8000, 22050, 48000, 96000])
def test_rates(tmp_path: Path, rate: int) -> None:
    save(tmp_path / "a.m4a", tone(rate + 7, 2, rate), rate)
    recording = open_excerpt(tmp_path / "a.m4a")
    assert (recording.sample_rate, recording.length) == (rate, rate + 7)


@pytest.mark.parametrize(
    ("quality", "bit_rate"), [(None, 192), (0, 64), (10, 320), ("128k", 128), ("256k", 256)]
)
def test_bit_rates(tmp_path: Path, quality: float | str | None, bit_rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 6 * 44100))
    save(tmp_path / "a.m4a", noise, quality=quality)
    measured = (tmp_path / "a.m4a").stat().st_size * 8 / 6 / 1000
    assert measured == pytest.approx(bit_rate, rel=0.08)


def test_other_programs_know_the_length(tmp_path: Path) -> None:
    save(tmp_path / "a.m4a", tone(44100))
    assert mutagen.File(tmp_path / "a.m4a").info.length == pytest.approx(1, abs=0.05)


def test_a_file_with_a_coarse_clock_is_read_whole(tmp_path: Path) -> None:
    """Most encoders round the length to milliseconds; nothing of the sound may be lost."""
    samples = music(50000 / 44100)
    recording = open_excerpt(write_aac(tmp_path / "a.m4a", samples))
    assert recording.length >= 50000


def test_separate_to_m4a(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1.1))
    common = ["separate", "song.wav", "-m", tiny_model, "-t", "vocals", "-f", "m4a"]
    assert run(*common, "--quality", "96k").code == 0
    stem = open_excerpt(Path(f"song_{tiny_model.name}/vocals.m4a"))
    assert stem.length == open_excerpt(Path("song.wav")).length
    result = run(*common, "--bit-depth", "16", "--overwrite")
    assert result.code == 2 and "m4a has no bit depth of 16, being lossy" in result.error


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        save(tmp_path / "file" / "a.m4a", tone(10))
