"""`unmix separate` on all kinds of bad input: one sentence, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import unmixcli
from networks import random_state, write_folder
from running import Run, files
from sounds import music, write, write_float


def nothing(folder: Path) -> str:
    return "missing.wav"


def empty_folder(folder: Path) -> str:
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").touch()
    return "empty"


def text(folder: Path) -> str:
    (folder / "song.wav").write_text("this is not sound")
    return "song.wav"


def no_samples(folder: Path) -> str:
    write_float(folder / "song.wav", np.zeros((0, 2)))
    return "song.wav"


def cut_flac(folder: Path) -> str:
    path = write(folder / "song.flac", music(20))
    path.write_bytes(path.read_bytes()[:-200000])
    return "song.flac"


def with_value(value: float) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        samples = music(20)
        samples[700000, 0] = value
        write_float(folder / "song.wav", samples)
        return "song.wav"

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "missing.wav does not exist"),
        (empty_folder, "empty contains no recordings"),
        (text, "song.wav cannot be read"),
        (no_samples, "song.wav is empty"),
        (cut_flac, "song.flac is damaged"),
        (with_value(np.nan), "channel 1, sample 700000, at 15.873 s"),
        (with_value(np.inf), "channel 1, sample 700000, at 15.873 s"),
    ],
)
def test_inputs_that_cannot_be_separated(
    run: Run, tiny_model: Path, make: Callable[[Path], str], words: str
) -> None:
    source = make(Path())
    before = files()
    outcome = run("separate", source, "-m", tiny_model)
    assert outcome.code == 1
    assert words in outcome.error
    assert files() == before
    assert not Path(f"song_{tiny_model.name}").exists()


def test_one_bad_file_does_not_stop_the_rest(run: Run, tiny_model: Path) -> None:
    text(Path())
    write_float(Path("good.wav"), music(0.5))
    outcome = run("separate", "song.wav", "good.wav", "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 1
    assert "song.wav cannot be read" in outcome.error
    assert Path(f"good_{tiny_model.name}/vocals.wav").is_file()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--start", 5], 1, "2.00 s long"),
        (["--start", -1], 2, "start '-1'"),
        (["--duration", 0], 2, "duration is 0"),
        (["--niter", -1], 2, "niter -1"),
        (["--alpha", 0], 2, "alpha 0.0"),
        (["--alpha", "nan"], 2, "alpha nan"),
        (["--wiener-win-len", -1], 2, "wiener_win_len"),
        (["--targets", "vocals,piano"], 2, "no target 'piano'"),
        (["--targets", "vocal"], 2, "did you mean vocals"),
        (["--targets", "vocals,vocals"], 2, "named twice"),
        (["--format", "docx"], 2, "format 'docx': it must be"),
        (["--device", "cuda:99"], 2, "cuda:99"),
        (["--device", "toaster"], 2, "device"),
        (["--option", "colour=red"], 2, "no option 'colour'"),
    ],
)
def test_options_out_of_range(
    run: Run, tiny_model: Path, options: list[Any], code: int, words: str
) -> None:
    write_float(Path("song.wav"), music(2))
    outcome = run("separate", "song.wav", "-m", tiny_model, *options)
    assert outcome.code == code
    assert words in outcome.error
    assert files() == ["song.wav"]


def test_negative_duration_is_the_whole_track(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1))
    assert run("separate", "song.wav", "-m", tiny_model, "--duration", -3).code == 0
    assert soundfile.info(f"song_{tiny_model.name}/bass.wav").frames == 44100


@pytest.mark.parametrize(
    "arguments",
    [["--targets", "vocals", "drums", "song.wav"], ["song.wav", "--targets", "vocals", "drums"]],
)
def test_old_syntax_is_explained(run: Run, tiny_model: Path, arguments: list[str]) -> None:
    write_float(Path("song.wav"), music(1))
    outcome = run("separate", "-m", tiny_model, *arguments)
    assert outcome.code == 2
    assert "--targets vocals,drums" in outcome.error


def test_unknown_model(run: Run) -> None:
    write_float(Path("song.wav"), music(1))
    outcome = run("separate", "song.wav", "--model", "umxqh")
    assert outcome.code == 3
    assert "umxqh" in outcome.error
    assert "umxhq" in outcome.error
    outcome = run("separate", "song.wav", "--model", "./nowhere")
    assert outcome.code == 3
    assert "./nowhere" in outcome.error


def test_model_that_is_not_here_and_offline(run: Run) -> None:
    write_float(Path("song.wav"), music(1))
    outcome = run("separate", "song.wav", "--model", "umxhq", "--offline")
    assert outcome.code == 3
    assert "offline" in outcome.error
    assert files() == ["song.wav"]


def test_model_folder_with_foreign_weights(run: Run, tmp_path: Path) -> None:
    write_float(Path("song.wav"), music(1))
    folder = write_folder(tmp_path / "model", {"vocals": random_state(16)})
    torch.save({"weight": torch.zeros(3)}, folder / "vocals.pth")
    outcome = run("separate", "song.wav", "--model", folder)
    assert outcome.code == 3
    assert "vocals.pth is not an Open-Unmix network" in outcome.error
    (folder / "vocals.pth").unlink()
    outcome = run("separate", "song.wav", "--model", folder)
    assert outcome.code == 3
    assert "no vocals.pth" in outcome.error


def test_existing_stems_are_kept(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1))
    kept = Path(f"song_{tiny_model.name}/bass.wav")
    kept.parent.mkdir()
    kept.write_text("precious")
    outcome = run("separate", "song.wav", "-m", tiny_model)
    assert outcome.code == 1
    assert "bass.wav already exists" in outcome.error
    assert "--overwrite" in outcome.error
    assert kept.read_text() == "precious"
    assert list(kept.parent.iterdir()) == [kept]
    assert run("separate", "song.wav", "-m", tiny_model, "--overwrite").code == 0
    assert soundfile.info(kept).frames == 44100


def test_output_folder_that_cannot_be_written(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1))
    Path("out").write_text("a file, not a folder")
    outcome = run("separate", "song.wav", "-m", tiny_model, "--outdir", "out")
    assert outcome.code == 1
    assert "cannot be written" in outcome.error
    assert files() == ["out", "song.wav"]


def test_two_inputs_with_the_same_stems(run: Run, tiny_model: Path) -> None:
    Path("a").mkdir()
    write_float(Path("a/song.wav"), music(1))
    write(Path("song.wav"), music(1, seed=1))
    outcome = run("separate", "a/song.wav", "song.wav", "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 1
    assert "song.wav was skipped" in outcome.error
    separator = unmixcli.Separator(model=str(tiny_model), targets="vocals")
    expected = separator.separate(music(1), 44100)["vocals"]
    found = soundfile.read(f"song_{tiny_model.name}/vocals.wav", dtype="float32")[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_same_input_twice_is_separated_once(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1))
    outcome = run("separate", "song.wav", "./song.wav", "-m", tiny_model)
    assert outcome.code == 0
    assert outcome.err.count("real time") == 1
