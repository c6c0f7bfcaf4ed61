"""Scores of stems: against museval's own, against definitions, and as a command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sounds import music
from unmixcli.cli.app import app
from unmixcli.errors import InputError, UnmixError
from unmixcli.evaluation import evaluate
from unmixcli.evaluation.metrics import bss_eval, si_sdr
from unmixcli.evaluation.pairs import find_pairs
from unmixcli.evaluation.result import TargetScores, TrackScores, summarise

RATE = 8000
TARGETS = ("bass", "drums", "vocals")


@pytest.fixture(scope="module")
def museval() -> ModuleType:
    """The package as it is published; of what it imports, musdb asks for an ffmpeg program."""
    pytest.importorskip("scipy")
    sys.modules.setdefault("musdb", ModuleType("musdb"))
    return pytest.importorskip("museval", reason="needs museval")


def write(folder: Path, stems: dict[str, np.ndarray], rate: int = RATE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in stems.items():
        soundfile.write(folder / f"{name}.wav", audio, rate, "DOUBLE")
    return folder


def track(seed: int, seconds: float = 2.5, channels: int = 1) -> tuple[dict, dict]:
    """True stems and estimates that leak, miss and rustle; few, for museval takes its time."""
    random = np.random.default_rng(seed)
    true = {name: music(seconds, RATE, channels, 10 * seed + k) for k, name in enumerate(TARGETS)}
    true = {name: audio * random.uniform(0.3, 1) for name, audio in true.items()}
    true["vocals"][RATE : 2 * RATE] = 0  # one silent second
    estimates = {
        name: 0.8 * audio
        + 0.1 * np.roll(true["drums" if name != "drums" else "bass"], 3, axis=0)
        + 0.02 * random.standard_normal(audio.shape)
        for name, audio in true.items()
    }
    return true, estimates


def by_museval(museval, name: str, true: dict, estimates: dict):
    """What museval makes of a track: its scores, as the file that it writes."""
    targets = {key: SimpleNamespace(audio=audio.astype(float)) for key, audio in true.items()}
    stub = SimpleNamespace(targets=targets, rate=RATE, name=name, subset="test")
    scores = museval.eval_mus_track(stub, {k: v.astype(float) for k, v in estimates.items()})
    return scores, json.loads(scores.json)


def assert_like(result: dict[str, TargetScores], published: dict) -> None:
    """Compare every frame with a result file of museval, which has five decimals."""
    assert {target["name"] for target in published["targets"]} == set(result)
    for target in published["targets"]:
        for metric in ("SDR", "SIR", "ISR", "SAR"):
            theirs = [frame["metrics"][metric] for frame in target["frames"]]
            ours = result[target["name"]].frames[metric.lower()]
            assert len(ours) == len(theirs)
            theirs = [np.nan if value is None else value for value in theirs]
            ours = [np.nan if value is None else value for value in ours]
            assert np.allclose(ours, theirs, atol=1.1e-5, rtol=0, equal_nan=True)


# --- against museval ---------------------------------------------------------


def test_every_frame_and_median_is_musevals(tmp_path, museval):
    store = museval.EvalStore()
    files = {}
    for seed in range(2):
        true, estimates = track(seed, channels=2 - seed)
        write(tmp_path / "true" / "test" / f"Track {seed}", true)
        write(tmp_path / "estimated" / f"Track {seed}", estimates)
        scores, files[f"Track {seed}"] = by_museval(museval, f"Track {seed}", true, estimates)
        store.add_track(scores)
    result = evaluate(tmp_path / "estimated", tmp_path / "true")
    assert [found.track for found in result.tracks] == list(files)
    for found in result.tracks:
        assert_like(found.targets, files[found.track])
    theirs = store.agg_frames_tracks_scores()
    for name in TARGETS:
        for metric in ("SDR", "SIR", "ISR", "SAR"):
            ours = getattr(result.targets[name], metric.lower())
            assert ours == pytest.approx(theirs[name][metric], abs=1e-5)


def test_vocals_and_accompaniment_as_museval_pairs_them(tmp_path, museval):
    true, estimates = track(1)
    rest = {k: v for k, v in true.items() if k != "vocals"}
    estimates["accompaniment"] = sum(v for k, v in estimates.items() if k != "vocals")
    _, file = by_museval(museval, "T", {**true, "accompaniment": sum(rest.values())}, estimates)
    write(tmp_path / "true", true)
    write(tmp_path / "estimated", estimates)
    result = evaluate(tmp_path / "estimated", tmp_path / "true")
    assert_like(result.tracks[0].targets, file)


def test_a_residual_is_scored_against_what_was_not_asked_for(tmp_path, museval):
    true, estimates = track(2)
    rest = true["drums"] + true["bass"]
    ours = {"vocals": estimates["vocals"], "accompaniment": rest + 0.01}
    _, file = by_museval(museval, "T", {"vocals": true["vocals"], "accompaniment": rest}, ours)
    write(tmp_path / "true", true)
    write(tmp_path / "estimated", ours)
    assert_like(evaluate(tmp_path / "estimated", tmp_path / "true").tracks[0].targets, file)


# Two targets of the file that museval's own tests compare with, "Music Delta - 80s Rock".
PUBLISHED = {
    "vocals": {
        "sdr": [-16.89156, -15.90668, -12.74888, -14.10039, -15.33723, -16.37514],
        "sir": [9.75952, 9.06763, 6.47532, 3.52292, 9.26284, 9.36795],
        "sar": [-3.94092, -3.28736, -7.01513, -13.64068, -8.47172, -7.63887],
        "isr": [-14.67801, -14.73029, -6.46934, -2.42318, -7.57783, -9.37330],
    },
    "accompaniment": {
        "sdr": [-13.29782, -12.55332, -13.42369, -14.13454, -12.84300, -13.28168],
        "sir": [-25.90516, -24.83962, -16.37932, -6.82760, -14.57014, -21.15102],
        "sar": [-4.06010, -3.36142, -7.10641, -13.70428, -8.63040, -7.74802],
        "isr": [-0.14012, -0.22987, -0.48281, -0.76336, -0.41445, -0.12459],
    },
}


def test_the_medians_of_a_published_file(museval):
    """What becomes of figures is checked on published ones; their audio is not at hand."""
    frames = [
        {
            "time": float(k),
            "duration": 1.0,
            "metrics": {metric.upper(): values[k] for metric, values in metrics.items()},
        }
        for metrics in PUBLISHED.values()
        for k in range(6)
    ]
    file = {
        "targets": [
            {"name": name, "frames": frames[6 * k : 6 * k + 6]} for k, name in enumerate(PUBLISHED)
        ]
    }
    store = museval.EvalStore()
    store.add_track(museval.aggregate.json2df(file, "Music Delta - 80s Rock"))
    theirs = store.agg_frames_tracks_scores()
    medians = {
        name: TargetScores(**{m: float(np.median(v)) for m, v in metrics.items()})
        for name, metrics in PUBLISHED.items()
    }
    ours = summarise([TrackScores(track="Music Delta - 80s Rock", targets=medians)], {})
    for name, metrics in PUBLISHED.items():
        for metric in metrics:
            assert getattr(ours.targets[name], metric) == theirs[name][metric.upper()]


# --- against definitions -----------------------------------------------------


@pytest.mark.usefixtures("museval")
def test_sdr_is_what_its_definition_says():
    """The SDR of BSS Eval v4 needs no filters: signal over everything that is wrong."""
    true, estimates = track(3)
    names = ["bass", "drums"]
    s, e = (np.stack([d[n] for n in names]).astype(float) for d in (true, estimates))
    found = bss_eval(s, e, RATE)["sdr"]
    for j in range(2):
        for k in range(2):
            part = slice(k * RATE, (k + 1) * RATE)
            ratio = np.sum(s[j, part] ** 2) / np.sum((e[j, part] - s[j, part]) ** 2)
            assert found[j, k] == pytest.approx(10 * np.log10(ratio))


@pytest.mark.parametrize("scale", [1.0, 0.01, -7.0])
def test_si_sdr_takes_any_scale(scale):
    random = np.random.default_rng(0)
    signal = random.standard_normal((4000, 2))
    noise = random.standard_normal((4000, 2))
    noise -= np.vdot(noise, signal) / np.vdot(signal, signal) * signal  # at right angles
    noise *= np.sqrt(np.vdot(signal, signal) / np.vdot(noise, noise)) * 10 ** (-13 / 20)
    assert si_sdr(signal, scale * (signal + noise)) == pytest.approx(13)


def test_si_sdr_at_its_ends():
    signal = np.random.default_rng(0).standard_normal((4000, 2))
    assert si_sdr(signal, 0.5 * signal) > 300 or np.isinf(si_sdr(signal, 0.5 * signal))
    assert np.isnan(si_sdr(np.zeros((10, 2)), signal[:10]))
    assert si_sdr(signal, np.zeros_like(signal)) == -np.inf


@pytest.mark.usefixtures("museval")
def test_silence_has_no_score_and_stops_nothing(tmp_path):
    true, estimates = track(4)
    true["bass"][:] = 0
    write(tmp_path / "true", true)
    write(tmp_path / "estimated", estimates)
    (found,) = evaluate(tmp_path / "estimated", tmp_path / "true").tracks
    assert found.left_out == ["bass has no BSS Eval scores: its reference is silent"]
    assert found.targets["bass"].sdr is None and found.targets["bass"].si_sdr is None
    assert found.targets["drums"].sdr > 0


# --- which tracks ------------------------------------------------------------


def pairs(tmp_path: Path, estimated: list[str], true: list[str]):
    for root, paths in (("estimated", estimated), ("true", true)):
        for path in paths:
            file = tmp_path / root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return find_pairs(tmp_path / "estimated", tmp_path / "true")


def test_tracks_match_by_name(tmp_path):
    found, unmatched = pairs(
        tmp_path,
        ["test/A/mixture/vocals.flac", "B_umxhq/vocals.wav", "C/vocals.wav", "B_umxhq/index.html"],
        ["train/A/vocals.wav", "train/A/mixture.wav", "test/B/vocals.wav", "test/B_b/vocals.wav"],
    )
    assert {pair.track for pair in found} == {"A", "B"}
    assert unmatched == ["C"]
    by_name = {pair.track: pair for pair in found}
    assert list(by_name["A"].references) == ["vocals"]
    assert by_name["A"].estimates["vocals"].suffix == ".flac"


def test_one_track_matches_whatever_its_name(tmp_path):
    (pair,), _ = pairs(tmp_path, ["vocals.wav"], ["test/Song/vocals.wav"])
    assert pair.track == "Song"


@pytest.mark.parametrize(
    ("estimated", "true", "words"),
    [
        (["a/x.txt"], ["vocals.wav"], "contains no stems"),
        (["A/vocals.wav", "B/vocals.wav"], ["C/vocals.wav"], "no track in"),
        (["vocals.wav", "vocals.flac"], ["vocals.wav"], "two files for vocals"),
        (["A_x/vocals.wav", "A_y/vocals.wav"], ["A/vocals.wav"], "two folders for the track A"),
        (["x/A/vocals.wav", "y/A/vocals.wav"], ["A/vocals.wav"], "two tracks called A"),
    ],
)
def test_folders_that_do_not_fit(tmp_path, estimated, true, words):
    with pytest.raises(InputError, match=words):
        pairs(tmp_path, estimated, true)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 16000}, "has 16000 Hz, .* has 8000 Hz"),
        ({"channels": 1}, "has 1 channels"),
        ({"seconds": 1.0}, r"is 1\.00 s long, but the references are 2\.00 s"),
        ({"name": "guitar"}, "none of guitar has a reference among vocals"),
    ],
)
def test_stems_that_do_not_fit(tmp_path, change, words):
    made = {"seconds": 2.0, "rate": RATE, "channels": 2, "name": "vocals"}
    for root, values in (("true", made), ("estimated", made | change)):
        audio = music(values["seconds"], values["rate"], values["channels"])
        write(tmp_path / root, {values["name"]: audio}, values["rate"])
    result = evaluate(tmp_path / "estimated", tmp_path / "true", si_sdr_only=True)
    assert not result.tracks
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(result.failed["true"])


# --- the command -------------------------------------------------------------


@pytest.fixture
def folders(tmp_path) -> list[str]:
    true, estimates = track(5, 1.5)
    write(tmp_path / "true" / "A", true)
    write(tmp_path / "true" / "B", true)
    write(tmp_path / "estimated" / "A", estimates)
    write(tmp_path / "estimated" / "B", estimates)
    return [str(tmp_path / "estimated"), str(tmp_path / "true")]


def run(*args: str):
    result = CliRunner().invoke(app, ["evaluate", *args])
    if isinstance(result.exception, UnmixError):
        return result.exception.exit_code, str(result.exception), ""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr, result.stdout


@pytest.mark.usefixtures("museval")
def test_the_table_and_the_picture(folders, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    plot = tmp_path / "scores.svg"
    code, err, out = run(*folders, "--plot", str(plot))
    assert code == 0 and err.split() == ["A", "B"]
    assert "2 tracks" in out and "SI-SDR" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert set(TARGETS) | {"mean"} <= set(rows)
    figures = [float(rows[name][0]) for name in TARGETS]
    assert float(rows["mean"][0]) == pytest.approx(np.mean(figures), abs=0.011)
    assert "</svg>" in plot.read_text() and not list(tmp_path.glob(".*"))
    run(*folders, "--plot", str(tmp_path / "scores.png"), "-q")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_si_sdr_only(folders):
    code, _, out = run(*folders, "--si-sdr-only", "--json")
    found = json.loads(out)
    assert code == 0 and [track["track"] for track in found["tracks"]] == ["A", "B"]
    assert found["targets"]["bass"]["sdr"] is None
    assert found["targets"]["bass"]["si_sdr"] == found["tracks"][0]["targets"]["bass"]["si_sdr"]


def test_a_track_that_fails_does_not_stop_the_others(folders):
    (Path(folders[0]) / "A" / "bass.wav").write_bytes(b"nothing")
    write(Path(folders[0]) / "C", {"vocals": music(1.0, RATE)})
    code, err, out = run(*folders, "--si-sdr-only")
    assert code == 1 and "A was skipped" in err and "C was skipped" in err
    assert "bass" in out


def test_what_is_missing_is_said_in_a_sentence(folders, tmp_path, monkeypatch):
    code, err, _ = run(str(tmp_path / "none"), folders[1])
    assert code == 1 and err.endswith("is not a folder")
    code, err, _ = run(*folders, "--plot", str(tmp_path / "scores.bmp"))
    assert code == 2 and "must end in .png, .svg, .pdf" in err
    code, err, _ = run(*folders, "--plot", str(tmp_path / "none" / "scores.png"))
    assert code == 1 and "does not exist" in err
    monkeypatch.setattr("unmixcli.evaluation.metrics.importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("unmixcli.evaluation.metrics._museval", _uncached())
    code, err, _ = run(*folders)
    assert code == 1 and "pip install 'museval" in err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, err, _ = run(*folders, "--plot", str(tmp_path / "scores.png"))
    assert code == 1 and "pip install matplotlib" in err


def _uncached():
    from unmixcli.evaluation import metrics

    return metrics._museval.__wrapped__
