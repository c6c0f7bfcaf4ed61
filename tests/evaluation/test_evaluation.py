"""Scores of stems, compared with museval's and with their definitions."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from scored import RATE, TARGETS, museval, track, write
from sounds import music
from unmixcli.evaluation import evaluate
from unmixcli.evaluation.bsseval import bss_eval
from unmixcli.evaluation.metrics import si_sdr
from unmixcli.evaluation.result import TargetScores, TrackScores, summarise

__all__ = ["museval"]


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


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["dense", "low-passed", "shorter than a frame"])
def test_hard_signals_score_as_by_museval(museval, kind, channels):
    """Also stems of 16 bits without treble, and a track of less than a frame."""
    random = np.random.default_rng(channels)
    length = 3000 if kind == "shorter than a frame" else 2 * RATE + 123
    true = 0.1 * random.standard_normal((2, length, channels))
    if kind == "low-passed":
        spectrum = np.fft.rfft(true, axis=1)
        spectrum[:, 2 * length // 5 :] = 0
        true = np.round(np.fft.irfft(spectrum, length, axis=1) * 2**15) / 2**15
    estimates = 0.9 * true + 0.2 * np.roll(true, (1, 2), (0, 1))
    estimates += 0.001 * random.standard_normal(estimates.shape)
    theirs = museval.metrics.bss_eval(
        true, estimates, window=RATE, hop=RATE, compute_permutation=False
    )
    ours = bss_eval(true, estimates, RATE)
    for name, expected in zip(("sdr", "isr", "sir", "sar"), theirs, strict=False):
        assert ours[name] == pytest.approx(expected, abs=1e-5), name


def test_sources_that_are_copies_of_each_other_stop_nothing():
    """The Gram matrix is singular, so what is interference is undefined; the SDR is not."""
    random = np.random.default_rng(0)
    true = random.standard_normal((1, 2000, 1)).repeat(2, axis=0)
    noise = 0.1 * random.standard_normal(true.shape)
    ratios = 10 * np.log10((true**2).sum((1, 2)) / (noise**2).sum((1, 2)))
    found = bss_eval(true, true + noise, 2000)
    assert found["sdr"][:, 0] == pytest.approx(ratios)
    silence = bss_eval(np.stack([true[0], np.zeros_like(true[0])]), true, 2000)
    assert np.isnan(silence["sdr"]).all()


# --- against definitions -----------------------------------------------------


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


def test_silence_has_no_score_and_stops_nothing(tmp_path):
    true, estimates = track(4)
    true["bass"][:] = 0
    write(tmp_path / "true", true)
    write(tmp_path / "estimated", estimates)
    (found,) = evaluate(tmp_path / "estimated", tmp_path / "true").tracks
    assert found.left_out == ["bass has no BSS Eval scores: its reference is silent"]
    assert found.targets["bass"].sdr is None and found.targets["bass"].si_sdr is None
    assert found.targets["drums"].sdr > 0


@pytest.mark.parametrize("rest", ["accompaniment", "instrumental", "no_vocals"])
def test_a_reference_may_have_an_instrumental(tmp_path, museval, rest):
    """It is used as it is, and not counted as one more stem to be summed."""
    true, estimates = track(6, 1.5)
    band = true["drums"] + true["bass"] + 0.01 * np.sin(np.arange(len(true["drums"])))[:, None]
    ours = {"vocals": estimates["vocals"], rest: band + 0.1 * estimates["vocals"]}
    write(tmp_path / "estimated", ours)
    write(tmp_path / "only", {"vocals": true["vocals"], "instrumental": band})
    write(tmp_path / "all", {**true, "instrumental": band})
    theirs = {"vocals": true["vocals"], "accompaniment": band}
    found = {"vocals": ours["vocals"], "accompaniment": ours[rest]}
    _, file = by_museval(museval, "T", theirs, found)
    for target in file["targets"]:
        target["name"] = target["name"].replace("accompaniment", rest)
    for folder in ("only", "all"):
        (scored,) = evaluate(tmp_path / "estimated", tmp_path / folder).tracks
        assert_like(scored.targets, file)
        assert list(scored.targets) == ["vocals", rest] and not scored.left_out


def test_a_stray_file_in_the_reference_is_named_and_left_out(tmp_path):
    true, estimates = track(7, 1.5)
    write(tmp_path / "true", true)
    write(tmp_path / "true", {"count-in": music(0.3, RATE, 1)})
    write(tmp_path / "estimated", {"vocals": estimates["vocals"]})
    (scored,) = evaluate(tmp_path / "estimated", tmp_path / "true", si_sdr_only=True).tracks
    assert scored.left_out == ["count-in.wav is no stem of this track: it is 0.30 s long"]
    assert scored.targets["vocals"].si_sdr > 0
