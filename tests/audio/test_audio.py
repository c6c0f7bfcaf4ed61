"""Read and write audio: formats, excerpts, resampling, damage, and atomic writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sounds import music, write, write_aac, write_float
from streams import ArrayMixture
from unmixcli.audio.formats import FORMATS, Encoding
from unmixcli.audio.reading import open_excerpt
from unmixcli.audio.resampling import AdaptedMixture, resample
from unmixcli.audio.writing import Shape, StemWriter
from unmixcli.errors import InputError, OutputError


def read(path: Path, start: float = 0.0, duration: float = -1.0) -> np.ndarray:
    excerpt = open_excerpt(path, start, duration)
    samples = np.concatenate(list(excerpt.blocks()), -1)
    assert samples.shape == (excerpt.channels, excerpt.length)
    again = np.concatenate(list(excerpt.blocks()), -1)
    np.testing.assert_array_equal(samples, again)
    return samples.T


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "aiff", "caf", "w64"])
def test_formats_of_libsndfile(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"a.{extension}", music(2))
    np.testing.assert_array_equal(read(path), soundfile.read(path, dtype="float32")[0])


@pytest.mark.parametrize("extension", ["m4a", "mp4", "mka"])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_of_ffmpeg(tmp_path: Path, extension: str, channels: int) -> None:
    samples = music(1.5, channels=channels)
    found = read(write_aac(tmp_path / f"a.{extension}", samples))
    assert found.shape[1] == channels
    assert abs(len(found) - len(samples)) < 4096
    # AAC delays and smears; the loudness over time must be that of the original.
    loudness = [np.abs(part).mean() for part in np.array_split(found[: len(samples)], 10)]
    original = [np.abs(part).mean() for part in np.array_split(samples, 10)]
    assert np.corrcoef(loudness, original)[0, 1] > 0.7
    np.testing.assert_array_equal(read(tmp_path / f"a.{extension}", 0.5, 0.25), found[22050:33075])


def test_excerpt(tmp_path: Path) -> None:
    samples = music(2, rate=8000)
    path = write_float(tmp_path / "a.wav", samples, 8000)
    np.testing.assert_array_equal(read(path, 0.5), samples[4000:])
    np.testing.assert_array_equal(read(path, 0.25, 0.5), samples[2000:6000])
    np.testing.assert_array_equal(read(path, 1.9, 5), samples[15200:])


@pytest.mark.parametrize(
    ("start", "duration", "words"),
    [(2, -1, "2.00 s long"), (99, 1, "2.00 s long"), (0, 1e-6, "less than one sample")],
)
def test_excerpt_beyond_the_end(tmp_path: Path, start: float, duration: float, words: str) -> None:
    path = write_float(tmp_path / "a.wav", music(2))
    with pytest.raises(InputError, match=words):
        open_excerpt(path, start, duration)


def test_more_than_two_channels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    samples = music(0.5, channels=6)
    np.testing.assert_array_equal(read(write_float(tmp_path / "a.wav", samples)), samples[:, :2])
    assert "6 channels" in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 70000])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float, position: int) -> None:
    samples = music(2)
    samples[position:, 1] = value
    path = write_float(tmp_path / "a.wav", samples)
    with pytest.raises(InputError, match=f"channel 2, sample {position}, at"):
        read(path)
    with pytest.raises(InputError, match=f"channel 2, sample {max(position, 4410)}, at"):
        read(path, 0.1)


def truncated(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "missing.wav", "does not exist"),
        (lambda p: p, "is a folder"),
        (lambda p: (p / "a.wav").touch() or p / "a.wav", "no known audio format"),
        (lambda p: (p / "a.wav").write_text("hello" * 99) and p / "a.wav", "no known audio"),
        (lambda p: write_float(p / "a.wav", np.zeros((0, 2))), "is empty"),
        (lambda p: truncated(write(p / "a.flac", music(3)), 0.5), "damaged"),
        (lambda p: truncated(write_aac(p / "a.m4a", music(3)), 0.5), "no known audio format"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, make: object, words: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_what_is_left_of_a_truncated_file_can_be_used(tmp_path: Path) -> None:
    whole = music(3)
    path = truncated(write(tmp_path / "a.flac", whole, subtype="PCM_24"), 0.5)
    np.testing.assert_allclose(read(path, 0, 0.5), whole[:22050], atol=1e-6)


def test_video_without_sound(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no sound"):
        open_excerpt(path)


# Resampling


@given(
    rates=st.tuples(*[st.sampled_from([8000, 16000, 44100, 48000, 192000])] * 2),
    length=st.integers(1, 20000),
    block=st.integers(1, 9000),
)
@settings(deadline=None, max_examples=60)
def test_resampled_length_is_exact(rates: tuple[int, int], length: int, block: int) -> None:
    signal = np.ones((3, 2, length), np.float32)
    blocks = [signal[..., first : first + block] for first in range(0, length, block)]
    wanted = -(-length * rates[1] // rates[0])
    parts = list(resample(blocks, *rates, wanted))
    assert sum(part.shape[-1] for part in parts) == wanted
    assert all(part.shape[:-1] == (3, 2) for part in parts)


def test_there_and_back_is_the_same_sound() -> None:
    # What both rates can carry: no noise above the lower one's limit.
    phase = np.arange(96001) / 48000 * 2 * np.pi * np.array([[440], [9000]])
    samples = np.float32(0.2) * np.sin(phase).astype(np.float32)
    mixture = AdaptedMixture(ArrayMixture(samples, 5000, 48000), 44100, 2)
    there = list(mixture.blocks())
    assert sum(block.shape[-1] for block in there) == mixture.length
    back = np.concatenate(list(mixture.restore(block[None] for block in there)), -1)[0]
    assert back.shape == samples.shape
    np.testing.assert_allclose(back[:, 500:-500], samples[:, 500:-500], atol=1e-4)


# Writing


def stems(count: int = 2, samples: int = 50000) -> np.ndarray:
    return np.stack([music(samples / 44100, seed=k).T for k in range(count)])


def encoding(format: str = "wav", **choices: Any) -> Encoding:
    return Encoding.of(format, **choices)


WAV = encoding()


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("opus", "m4a")])
def test_formats_out(tmp_path: Path, name: str) -> None:
    made = encoding(name)
    paths = [tmp_path / "new" / f"{k}.{name}" for k in range(2)]
    block = stems()
    with StemWriter(paths, Shape(44100, 2, 50000), made) as writer:
        for first in range(0, 50000, 7000):
            writer.write(block[..., first : first + 7000])
            assert not any(path.exists() for path in paths)
    for path, stem in zip(paths, block, strict=True):
        found, rate = soundfile.read(path, dtype="float32")
        assert rate == 44100
        if name in ("wav", "flac"):
            np.testing.assert_allclose(found, stem.T, atol=0 if name == "wav" else 2**-23)
        else:
            assert abs(len(found) - 50000) < 2500
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [p.name for p in paths]


def test_beyond_full_scale(tmp_path: Path) -> None:
    block = np.full((1, 1, 1000), 0.5, np.float32)
    block[..., 10:13] = (1.5, -2.0, 1.0)
    for name, limited in (("wav", 0), ("flac", 2)):
        path = tmp_path / f"a.{name}"
        with StemWriter([path], Shape(44100, 1, 1000), encoding(name)) as writer:
            writer.write(block)
        level = writer.levels[0]
        assert (level.peak, level.limited) == (2.0, limited)
        found = soundfile.read(path)[0]
        expected = block[0, 0] if name == "wav" else block[0, 0].clip(-1, 1)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    paths = [tmp_path / "deep" / "er" / "a.wav"]
    with (
        pytest.raises(RuntimeError),
        StemWriter(paths, Shape(44100, 2, 50000), WAV) as writer,
    ):
        writer.write(stems(1))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    paths[1].write_text("precious")
    with pytest.raises(OutputError, match=r"b\.wav already exists.*--overwrite"):
        StemWriter(paths, Shape(44100, 2, 50000), WAV)
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]
    with StemWriter(paths, Shape(44100, 2, 50000), WAV, overwrite=True) as writer:
        writer.write(stems())
        assert paths[1].read_text() == "precious"
    assert soundfile.info(paths[1]).frames == 50000


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with (
        pytest.raises(OutputError, match="appeared during"),
        StemWriter([path], Shape(44100, 2, 50000), WAV) as writer,
    ):
        writer.write(stems(1))
        path.write_text("precious")
    assert path.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        StemWriter([tmp_path / "file" / "a.wav"], Shape(44100, 2, 5), WAV)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "opus"])
def test_a_disk_that_fills_up(small_disk: Path, name: str) -> None:
    block = np.random.default_rng(0).uniform(-1, 1, (2, 2, 44100)).astype(np.float32)
    paths = [small_disk / "song" / f"{k}.x" for k in range(2)]
    with (
        pytest.raises(OutputError, match="disk is full"),
        StemWriter(paths, Shape(44100, 2, 44100 * 60), encoding(name)) as writer,
    ):
        for _ in range(60):
            writer.write(block)
    assert list(small_disk.iterdir()) == []


def test_huge_waves_are_written_as_rf64(tmp_path: Path) -> None:
    """Plain WAV ends at 4 GB; the length is known before the first sample is written."""
    path = tmp_path / "a.wav"
    with StemWriter([path], Shape(44100, 2, 600_000_000), WAV) as writer:
        writer.write(stems(1))
    assert path.read_bytes()[:4] == b"RF64"
    assert soundfile.info(path).frames == 50000
