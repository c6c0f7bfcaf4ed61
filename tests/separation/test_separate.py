"""`unmix separate` and the Python API on files: the results, and all kinds of bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import unmixcli
from networks import four_states, random_state, write_folder
from running import COMMAND, Run, files
from sounds import music, write, write_aac, write_float

# What comes out


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


# Bad input


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
        (["--format", "docx"], 2, "format 'docx': input should be"),
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
    write(Path("song.flac"), music(1, seed=1))
    outcome = run("separate", "a/song.wav", "song.flac", "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 1
    assert "song.flac was skipped" in outcome.error
    separator = unmixcli.Separator(model=str(tiny_model), targets="vocals")
    expected = separator.separate(music(1), 44100)["vocals"]
    found = soundfile.read(f"song_{tiny_model.name}/vocals.wav", dtype="float32")[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_same_input_twice_is_separated_once(run: Run, tiny_model: Path) -> None:
    write_float(Path("song.wav"), music(1))
    outcome = run("separate", "song.wav", "./song.wav", "-m", tiny_model)
    assert outcome.code == 0
    assert outcome.err.count("real time") == 1


# Interruption


@pytest.fixture
def long_track(tmp_path: Path) -> Path:
    return write(tmp_path / "long.flac", np.tile(music(20), (15, 1)))


def started(arguments: list[object], until: Callable[[], bool]) -> subprocess.Popen[str]:
    """Start the command in a process of its own and wait until it is well under way."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not until():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("number", "code", "cleans_up"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, True), (signal.SIGKILL, -9, False)],
)
def test_interrupted_while_writing(
    tmp_path: Path, long_track: Path, tiny_model: Path,
    number: signal.Signals, code: int, cleans_up: bool,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    arguments = ["separate", long_track, "-m", tiny_model, "-o", out]
    process = started(arguments, lambda: any(out.rglob("*.part")))
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert ("error: interrupted" in err) == (number == signal.SIGINT)
    assert not list(out.rglob("*.wav"))
    assert list(out.rglob("*")) == [] if cleans_up else True
    # The next run works whatever the last one left.
    subprocess.run([*COMMAND, *map(str, arguments), "--duration", "1"], check=True)
    assert len(list(out.rglob("*.wav"))) == 4


# The Python API


def test_function_as_documented(tiny_model: Path) -> None:
    samples = music(1)
    expected = unmixcli.Separator(model=str(tiny_model), targets=["vocals"]).separate(
        samples, 44100
    )
    model = str(tiny_model)
    two = unmixcli.separate(samples, ["vocals"], model)
    assert list(two) == ["vocals"]
    np.testing.assert_array_equal(two["vocals"], expected["vocals"])
    three = unmixcli.separate(np.stack([samples.T, samples.T]), ["vocals"], model_name=model)
    assert three["vocals"].shape == (2, 2, 44100)
    np.testing.assert_array_equal(three["vocals"][1].T, expected["vocals"])
    one = unmixcli.separate(samples[:, 0], ["vocals"], model)
    assert one["vocals"].shape == (44100,)
    rest = unmixcli.separate(samples, ["vocals"], model, residual_model=True)
    assert list(rest) == ["vocals", "accompaniment"]
    several = unmixcli.separate(samples, ["vocals", "bass"], model, residual_model=True, niter=0)
    assert list(several) == ["vocals", "bass", "residual"]


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros((2, 44100), np.float32), "transpose"),
        (np.zeros((100, 2), np.int64), "floating point"),
        (np.zeros((0, 2), np.float32), "nothing to separate"),
        (np.full((100, 2), np.nan, np.float32), "not a number"),
        (np.zeros((2, 2, 2, 2), np.float32), "shape"),
    ],
)
def test_arrays_that_make_no_sense(tiny_model: Path, audio: np.ndarray, words: str) -> None:
    separator = unmixcli.Separator(model=str(tiny_model), targets="vocals")
    with pytest.raises(unmixcli.UnmixError, match=words):
        separator.separate(audio, 44100)


def test_options_of_the_library_are_checked() -> None:
    with pytest.raises(unmixcli.UnmixError, match="unknown option 'nitre'"):
        unmixcli.Separator(model="umxhq", nitre=1)


def test_one_model_in_several_threads(tiny_model: Path) -> None:
    separator = unmixcli.Separator(model=str(tiny_model), residual=True)
    tracks = [music(2, seed=seed) for seed in range(6)]
    expected = [separator.separate(track, 44100) for track in tracks]
    with ThreadPoolExecutor(6) as pool:
        for one, other in zip(
            expected, pool.map(separator.separate, tracks, [44100] * 6), strict=True
        ):
            for name in separator.stem_names:
                np.testing.assert_array_equal(one[name], other[name])


def test_threads_of_the_caller_are_left_alone(tiny_model: Path) -> None:
    before = torch.get_num_threads()
    separator = unmixcli.Separator(model=str(tiny_model))
    separator.separate(music(1), 44100)
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()


# Lightness


@pytest.mark.parametrize("code", ["import unmixcli", "import unmixcli.cli.app"])
def test_nothing_heavy_is_imported_early(code: str) -> None:
    heavy = "{'torch', 'torchaudio', 'numpy', 'soundfile', 'av', 'scipy'}"
    check = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-c", check]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


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
