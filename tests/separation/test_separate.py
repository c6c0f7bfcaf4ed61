"""`unmix separate` on files: the results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import unmixcli
from running import Run, files
from sounds import music, write, write_aac, write_float


def test_stems_of_a_track(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(2))
    outcome = run("separate", "song.wav", "--model", tiny_model, "--niter", 0)
    assert outcome.code == 0
    folder = Path(f"song_{tiny_model.name}")
    stems = [folder / f"{t}.wav" for t in ("bass", "drums", "other", "vocals")]
    assert sorted(folder.iterdir()) == [folder / ".unmix.json", *stems]
    for path in stems:
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.channels) == (88200, 44100, 2)
        assert info.subtype == "FLOAT"
    assert str(folder) in outcome.err.replace("\n", "")


def test_outdir_targets_residual_and_format(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(2))
    arguments = ["--targets", "drums,vocals", "--residual", "-o", "out", "--format", "flac"]
    assert run("separate", "song.wav", "--model", tiny_model, *arguments).code == 0
    stems = [f"out/song/{s}.flac" for s in ("drums", "residual", "vocals")]
    assert files() == ["out/song/.unmix.json", *stems, "song.wav"]
    arguments = ["-t", "vocals", "--residual", "-o", "two"]
    assert run("separate", "song.wav", "--model", tiny_model, *arguments).code == 0
    assert sorted(path.name for path in Path("two/song").iterdir()) == [
        ".unmix.json",
        "accompaniment.wav",
        "vocals.wav",
    ]


def test_command_and_library_agree(run: Run, tiny_model: Path) -> None:
    samples = music(3)
    write_float(Path("song.wav"), samples)
    options = ["--niter", 2, "--softmask", "--alpha", 1.5, "--start", 0.5, "--duration", 2]
    assert run("separate", "song.wav", "-m", tiny_model, *options).code == 0
    separator = unmixcli.Separator(
        model=str(tiny_model), niter=2, softmask=True, alpha=1.5, start=0.5, duration=2
    )
    stems = separator.separate(samples, 44100)
    assert list(stems) == list(separator.stem_names)
    for name, stem in stems.items():
        written = soundfile.read(f"song_{tiny_model.name}/{name}.wav", dtype="float32")[0]
        assert written.shape == (88200, 2)
        np.testing.assert_allclose(written, stem, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 48000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_stems_have_the_shape_of_the_input(
    run: Run, tiny_model: Path, rate: int, channels: int
) -> None:
    write_float(Path("song.wav"), music(1.01, rate, channels), rate)
    outcome = run("separate", "song.wav", "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 0
    info = soundfile.info(f"song_{tiny_model.name}/vocals.wav")
    expected = (round(1.01 * rate), rate, min(channels, 2))
    assert (info.frames, info.samplerate, info.channels) == expected
    assert ("6 channels" in outcome.err) == (channels == 6)


@pytest.mark.parametrize("length", [1, 2, 700, 4095])
def test_shorter_than_one_window(run: Run, tiny_model: Path, length: int) -> None:
    write_float(Path("song.wav"), music(1)[:length])
    assert run("separate", "song.wav", "-m", tiny_model).code == 0
    stem = soundfile.read(f"song_{tiny_model.name}/bass.wav")[0]
    assert stem.shape == (length, 2)
    assert np.isfinite(stem).all()


@pytest.mark.parametrize("niter", [0, 2])
def test_silence_gives_silence(run: Run, tiny_model: Path, niter: int) -> None:
    write(Path("song.flac"), np.zeros((60000, 2)))
    assert run("separate", "song.flac", "-m", tiny_model, "--niter", niter).code == 0
    for path in Path(f"song_{tiny_model.name}").glob("*.wav"):
        assert not soundfile.read(path)[0].any()


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_full_scale_square_wave(run: Run, tiny_model: Path, format: str) -> None:
    wave = np.where(np.arange(88200) // 50 % 2, 1.0, -1.0)
    write(Path("song.flac"), np.stack([wave, -wave], 1))
    arguments = ["-t", "vocals,drums", "--residual", "--format", format, "--niter", 1]
    assert run("separate", "song.flac", "-m", tiny_model, *arguments).code == 0
    stems = [
        soundfile.read(path)[0] for path in Path(f"song_{tiny_model.name}").glob(f"*.{format}")
    ]
    assert all(np.isfinite(stem).all() for stem in stems)
    assert max(np.abs(stem).max() for stem in stems) <= (2 if format == "wav" else 1)


def test_m4a(run: Run, tiny_model: Path) -> None:
    write_aac(Path("song.m4a"), music(2))
    assert run("separate", "song.m4a", "-m", tiny_model, "-t", "vocals").code == 0
    stem = soundfile.info(f"song_{tiny_model.name}/vocals.wav")
    assert stem.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    "name", ["a b.wav", 'it\'s "q".wav', "naïve – 曲.wav", "two\nlines.wav", "-dash.wav", "a..wav"]
)
def test_any_name(run: Run, tiny_model: Path, name: str) -> None:
    write_float(Path(name), music(0.3))
    outcome = run("separate", "-m", tiny_model, "-t", "vocals", "--", name)
    assert outcome.code == 0, outcome.err
    written = [path for path in files() if path.endswith("vocals.wav")]
    assert len(written) == 1
    assert len(outcome.err.splitlines()) == 1
    assert Path(written[0]).parent.name.isprintable()


def test_folder_of_recordings(run: Run, tiny_model: Path) -> None:
    Path("album/deep").mkdir(parents=True)
    write_float(Path("album/one.wav"), music(0.5))
    write(Path("album/deep/two.flac"), music(0.5))
    Path("album/notes.txt").write_text("no music")
    assert run("separate", "album", "-m", tiny_model, "-t", "vocals", "-o", "out").code == 0
    assert len([path for path in files() if path.endswith("vocals.wav")]) == 2


def test_json(run: Run, tiny_model: Path) -> None:
    write_float(Path("a.wav"), music(0.5))
    outcome = run("separate", "a.wav", "b.wav", "-m", tiny_model, "--json", "--quiet")
    good, bad = map(json.loads, outcome.out.splitlines())
    assert outcome.code == 1
    assert good["seconds"] == 0.5
    assert all(Path(path).is_file() for path in good["stems"].values())
    assert "does not exist" in bad["error"]


def test_quiet_says_nothing(run: Run, tiny_model: Path) -> None:
    write_float(Path("a.wav"), music(0.5))
    outcome = run("separate", "a.wav", "-m", tiny_model, "-q")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
