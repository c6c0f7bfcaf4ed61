"""`unmix demo`, and the model in the box: the first minute, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import unmixcli
from running import Run
from unmixcli.demo import MIXTURE, TARGETS, global_sdr
from unmixcli.models.registry import Registry


def test_demo(run: Run) -> None:
    outcome = run("demo", "--outdir", "out")
    assert outcome.code == 0, outcome.err
    for target in TARGETS:
        assert target in outcome.out
        info = soundfile.info(f"out/{target}.wav")
        assert (info.samplerate, info.channels) == (44100, 2)
        assert info.frames == soundfile.info(MIXTURE).frames
    assert "umx-synth" in outcome.out
    again = run("demo", "--outdir", "out")
    assert again.code == 1
    assert "already exist" in again.err


def test_the_model_in_the_box_knows_something(run: Run) -> None:
    outcome = run("demo", "--outdir", "out", "--json", "--niter", 0)
    found = json.loads(outcome.out)
    assert set(found["sdr"]) == set(TARGETS)
    better = [found["sdr"][target] - found["baseline"][target] for target in TARGETS]
    assert np.mean(better) > 1


def test_the_song_is_the_sum_of_its_stems() -> None:
    mixture = soundfile.read(MIXTURE)[0]
    total = sum(soundfile.read(MIXTURE.with_stem(target))[0] for target in TARGETS)
    assert 25 <= len(mixture) / 44100 <= 40
    assert global_sdr(mixture, total) > 15  # they are compressed, each by itself
    assert sum(path.stat().st_size for path in MIXTURE.parent.glob("*.ogg")) < 2_000_000


def test_sdr() -> None:
    signal = np.random.default_rng(0).normal(size=(1000, 2))
    assert global_sdr(signal, 0 * signal) == pytest.approx(0)
    assert global_sdr(signal, 0.9 * signal) == pytest.approx(20)


def test_weights_in_the_box() -> None:
    known = Registry().resolve("umx-synth")
    (weights,) = known.card.weights
    path = weights.local
    assert path is not None
    assert path.stat().st_size <= 16e6
    assert [check.status for check in Registry().store.verify(known.card)] == ["good"]
    assert known.card.licence == "MIT"


def test_default_offline(run: Run) -> None:
    music = Path("song.ogg")
    music.write_bytes(MIXTURE.read_bytes())
    outcome = run("separate", "song.ogg", "--offline", "--duration", 3)
    assert outcome.code == 0
    assert "using the built-in model umx-synth" in outcome.err
    assert sorted(path.stem for path in Path("song_umx-synth").glob("*.wav")) == sorted(TARGETS)
    named = run("separate", "song.ogg", "--offline", "--model", "umxhq")
    assert named.code == 3


def test_stems_add_up() -> None:
    audio = soundfile.read(MIXTURE, frames=200000, dtype="float32")[0]
    stems = unmixcli.Separator(model="umx-synth", niter=0).separate(audio, 44100)
    np.testing.assert_allclose(sum(stems.values()), audio, atol=1e-5)
