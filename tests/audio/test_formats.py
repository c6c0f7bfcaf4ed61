"""Write each format with all its options, and read it back."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path
from typing import Any, get_args

import mutagen
import numpy as np
import pytest
import soundfile

import unmixcli
from running import Run, files
from sounds import music, write_float
from unmixcli.audio.formats import FORMATS, Encoding
from unmixcli.audio.writing import Shape, StemWriter
from unmixcli.errors import SpoolError, UsageError
from unmixcli.options.config import SeparationConfig


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    error = np.square(reference - estimate, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(reference, dtype=np.float64).sum() / max(error, 1e-30)))


def stems_of(folder: Path) -> dict[str, np.ndarray]:
    found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.stem: soundfile.read(path, always_2d=True)[0] for path in found}


def test_the_table_and_the_option_agree() -> None:
    choices = get_args(get_args(SeparationConfig.model_fields["format"].annotation)) or get_args(
        SeparationConfig.model_fields["format"].annotation
    )
    assert tuple(FORMATS) == choices


@pytest.mark.parametrize(
    ("options", "subtype", "least"),
    [
        (["--format", "wav"], "FLOAT", 200),
        (["--format", "wav", "--bit-depth", "24"], "PCM_24", 110),
        (["--format", "WAV", "--bit-depth", "16"], "PCM_16", 65),
        (["--format", "flac"], "PCM_24", 110),
        (["--format", "flac", "--bit-depth", "16"], "PCM_16", 65),
        (["--format", "ogg"], "VORBIS", 8),
        (["--format", "ogg", "--quality", "10"], "VORBIS", 15),
        (["--format", "mp3"], "MPEG_LAYER_III", 8),
        (["--format", "mp3", "--quality", "10"], "MPEG_LAYER_III", 10),
        (["--format", ".mp3", "--quality", "0"], "MPEG_LAYER_III", 0),
    ],
)
def test_read_back_and_compared(
    run: Run, tiny_model: Path, options: list[str], subtype: str, least: float
) -> None:
    """Same length, rate and channels as the float stem, and close to it."""
    samples = music(1.5)
    write_float(Path("song.wav"), samples)
    arguments = ["song.wav", "-m", tiny_model, "-t", "vocals,drums", "-o", "out"]
    assert run("separate", *arguments, *options).code == 0
    wanted = unmixcli.Separator(model=str(tiny_model), targets=("vocals", "drums")).separate(
        samples, 44100
    )
    for path in (path for path in Path("out/song").iterdir() if path.suffix != ".json"):
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.channels) == (66150, 44100, 2)
        assert info.subtype == subtype
        assert sdr(wanted[path.stem], soundfile.read(path)[0]) > least


def test_opus_has_48_khz_only(run: Run, tiny_model: Path) -> None:
    samples = music(1.5)
    write_float(Path("song.wav"), samples)
    common = ["separate", "song.wav", "-m", tiny_model, "-t", "vocals"]
    assert run(*common, "-o", "a", "-f", "opus", "--quality", "8").code == 0
    assert run(*common, "-o", "b", "--sample-rate", "48000").code == 0
    info = soundfile.info("a/song/vocals.opus")
    assert (info.frames, info.samplerate, info.channels) == (72000, 48000, 2)
    assert info.subtype == "OPUS"
    lossy, exact = soundfile.read("a/song/vocals.opus")[0], soundfile.read("b/song/vocals.wav")[0]
    assert lossy.shape == exact.shape
    assert sdr(exact, lossy) > 8


@pytest.mark.parametrize(
    ("format", "rate", "written"),
    [
        ("opus", 22050, 24000),
        ("opus", 96000, 48000),
        ("mp3", 96000, 48000),
        ("mp3", 44100, 44100),
        ("ogg", 96000, 96000),
        ("ogg", 384000, 192000),
        ("flac", 384000, 384000),
    ],
)
def test_the_next_rate_that_a_format_has(format: str, rate: int, written: int) -> None:
    assert Encoding.of(format).rate_for(rate) == written


def test_a_rate_that_vorbis_crashes_at(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(0.3, 384000), 384000)
    assert run("separate", "song.wav", "-m", tiny_model, "-t", "bass", "-f", "ogg").code == 0
    info = soundfile.info(f"song_{tiny_model.name}/bass.ogg")
    assert (info.frames, info.samplerate) == (57600, 192000)


@pytest.mark.parametrize(("wanted", "rate"), [("input", 48000), ("model", 44100), ("16000", 16000)])
def test_sample_rate(run: Run, tiny_model: Path, wanted: str, rate: int) -> None:
    write_float(Path("song.wav"), music(1.0, 48000), 48000)
    options = ["--sample-rate", wanted, "--mix", "all=mixture", "--json"]
    outcome = run("separate", "song.wav", "-m", tiny_model, "-t", "vocals", *options, "-o", "out")
    assert outcome.code == 0
    for name in ("vocals", "all"):
        info = soundfile.info(f"out/song/{name}.wav")
        assert (info.frames, info.samplerate) == (rate, rate)
    assert json.loads(outcome.out)["sample_rate"] == rate


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bit-depth", "24", "--format", "mp3"], "mp3 has no bit depth of 24"),
        (["--bit-depth", "32f", "--format", "flac"], "flac has no bit depth of 32f, only 24, 16"),
        (["--bit-depth", "12"], "bit_depth '12'"),
        (["--quality", "5"], "wav is lossless"),
        (["--quality", "11", "--format", "ogg"], "quality '11': it must be from 0 to 10"),
        (["--quality", "320", "--format", "mp3"], "for a bit rate write 320k"),
        (["--quality", "good", "--format", "mp3"], "or a bit rate such as 320k"),
        (["--quality", "400k", "--format", "mp3"], "no bit rate of 400k, only 8k to 320k"),
        (["--quality", "320k"], "wav is lossless"),
        (["--clip", "none", "--format", "flac"], "cannot hold samples beyond full scale"),
        (["--clip", "loud"], "clip 'loud'"),
        (["--sample-rate", "44100", "--format", "opus"], "no sample rate of 44100 Hz"),
        (["--sample-rate", "384000", "--format", "ogg"], "384000 Hz, only up to 192000"),
        (["--sample-rate", "loud"], "input, model or a number of Hz"),
        (["--sample-rate", "10"], "from 1000 to 384000"),
    ],
)
def test_choices_that_a_format_does_not_have(
    run: Run, tiny_model: Path, options: list[str], words: str
) -> None:
    write_float(Path("song.wav"), music(0.5))
    outcome = run("separate", "song.wav", "-m", tiny_model, *options)
    assert outcome.code == 2
    assert words in outcome.error
    assert files() == ["song.wav"]


def test_integers_are_exact(tmp_path: Path) -> None:
    """A stem that 16 bits hold is written and read back as it is, not a little softer."""
    block = (np.arange(-32768, 32768, dtype=np.float32) / 32768)[np.newaxis, np.newaxis]
    for format, depth in (("wav", "16"), ("wav", "24"), ("flac", "16"), ("flac", "24")):
        path = tmp_path / f"{depth}.{format}"
        encoding = Encoding.of(format, depth)
        with StemWriter([path], Shape(44100, 1, block.shape[-1]), encoding) as writer:
            writer.write(block)
        np.testing.assert_array_equal(soundfile.read(path)[0], block[0, 0])


@pytest.fixture
def loud(run: Run) -> Path:
    """A recording beyond full scale, with stems that are too."""
    return write_float(Path("loud.wav"), 20 * music(1.0))


def test_clip_rescale(run: Run, tiny_model: Path, loud: Path) -> None:
    """One gain for all stems and mixes: they still add up."""
    common = ["separate", loud, "-m", tiny_model, "-t", "vocals,drums", "--json"]
    mixes = ["--mix", "rest=mixture-vocals-drums"]
    assert run(*common, *mixes, "-o", "plain").code == 0
    for format, depth in (("flac", "24"), ("wav", "16"), ("wav", "32f")):
        folder = f"{format}{depth}"
        choices = ["-f", format, "--bit-depth", depth, "--clip", "rescale"]
        outcome = run(*common, *mixes, *choices, "-o", folder)
        assert outcome.code == 0
        result = json.loads(outcome.out)
        plain, made = stems_of(Path("plain/loud")), stems_of(Path(folder) / "loud")
        peak = max(np.abs(stem).max() for stem in plain.values())
        assert peak > 1
        assert result["gain"] == pytest.approx(1 / peak, rel=1e-4)
        step = 2.0**-15 if depth == "16" else 2.0**-22
        for name, stem in plain.items():
            np.testing.assert_allclose(made[name], stem * result["gain"], atol=step)
            assert result["levels"][name]["limited"] == 0
            assert result["levels"][name]["peak"] == pytest.approx(np.abs(stem).max(), rel=1e-4)
        total = sum(made.values())
        mixture = soundfile.read(loud)[0] * result["gain"]
        np.testing.assert_allclose(total, mixture, atol=3 * step)
        assert "turned down by" in outcome.err


def test_clip_rescale_leaves_soft_stems_alone(run: Run, tiny_model: Path) -> None:
    write_float(Path("soft.wav"), music(1.0) / 100)
    common = ["separate", "soft.wav", "-m", tiny_model, "-t", "vocals", "--json"]
    outcome = run(*common, "--clip", "rescale", "-o", "a")
    assert json.loads(outcome.out)["gain"] == 1
    assert "turned down" not in outcome.err
    assert run(*common, "-o", "b").code == 0
    assert np.array_equal(*(soundfile.read(f"{f}/soft/vocals.wav")[0] for f in "ab"))


def test_clip_clamp_is_told(run: Run, tiny_model: Path, loud: Path) -> None:
    common = ["separate", loud, "-m", tiny_model, "-t", "vocals", "--json"]
    outcome = run(*common, "-f", "flac", "-o", "clamp")
    assert "limited" in outcome.err
    assert "--clip rescale" in outcome.err
    assert json.loads(outcome.out)["levels"]["vocals"]["limited"] > 0
    outcome = run(*common, "-o", "float")
    assert "limited" not in outcome.err
    assert np.abs(soundfile.read("float/loud/vocals.wav")[0]).max() > 1
    outcome = run(*common, "--clip", "clamp", "-o", "asked")
    assert np.abs(soundfile.read("asked/loud/vocals.wav")[0]).max() == 1


def test_clip_none_lets_a_lossy_format_go_beyond(run: Run, tiny_model: Path, loud: Path) -> None:
    common = ["separate", loud, "-m", tiny_model, "-t", "vocals", "-f", "ogg", "--quality", "9"]
    assert run(*common, "--clip", "none", "-o", "none").code == 0
    peak = np.abs(soundfile.read("none/loud/vocals.ogg")[0]).max()
    assert run(*common, "-o", "clamp").code == 0
    assert peak > 1.2 * np.abs(soundfile.read("clamp/loud/vocals.ogg")[0]).max()


def test_rescale_without_room(tiny_model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The waiting stems have no room: one sentence, and nothing is left."""
    usage = namedtuple("usage", "total used free")(1, 1, 10)
    monkeypatch.setattr("unmixcli.files.scratch.shutil.disk_usage", lambda path: usage)
    write_float(tmp_path / "song.wav", music(0.5))
    separator = unmixcli.Separator(
        model=str(tiny_model), targets=("vocals",), clip="rescale", outdir=tmp_path / "out"
    )
    with pytest.raises(SpoolError, match="no room"):
        separator.separate_file(tmp_path / "song.wav")
    assert not (tmp_path / "out").exists()


def test_quality_makes_files_larger(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(2))
    for format in ("ogg", "opus", "mp3"):
        sizes = []
        for quality in (0, 4, 10):
            options = ["-f", format, "--quality", quality, "-o", f"q{quality}"]
            assert run("separate", "song.wav", "-m", tiny_model, "-t", "drums", *options).code == 0
            sizes.append(Path(f"q{quality}/song/drums.{format}").stat().st_size)
        assert sizes[0] < sizes[1] < sizes[2]


def test_an_unknown_choice_is_refused_by_the_library(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="no bit depth"):
        unmixcli.Separator(model=str(tiny_model), format="ogg", bit_depth="16")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("format", "rate", "bit_rate"),
    [
        ("mp3", 44100, 320),
        ("mp3", 44100, 128),
        ("mp3", 22050, 64),
        ("mp3", 8000, 32),
        ("ogg", 44100, 160),
        ("ogg", 48000, 110),
        ("ogg", 22050, 56),
        ("opus", 48000, 128),
        ("opus", 48000, 256),
    ],
)
def test_bit_rates(tmp_path: Path, format: str, rate: int, bit_rate: int, channels: int) -> None:
    encoding = Encoding.of(format, quality=f"{bit_rate}k")
    path = tmp_path / f"a.{format}"
    noise = np.random.default_rng(0).normal(0, 0.1, (1, channels, 4 * rate)).astype(np.float32)
    with StemWriter([path], Shape(rate, channels, noise.shape[-1]), encoding) as writer:
        writer.write(noise)
    if format == "opus":
        measured = path.stat().st_size * 8 / 4 / 1000
    else:
        measured = mutagen.File(path).info.bitrate / 1000  # of Vorbis, the nominal one
    assert measured == pytest.approx(bit_rate, rel=0.06)


def test_a_bit_rate_that_channels_do_not_reach_is_the_nearest() -> None:
    assert Encoding.of("opus", quality="510k").file_options(48000, 1, 1)["compression_level"] == 0
    assert Encoding.of("mp3", quality="320k").file_options(16000, 2, 1)["compression_level"] == 0
