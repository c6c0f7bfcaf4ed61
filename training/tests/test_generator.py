"""Song N is always song N."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("scipy")

from training.generator import demo, effects, soundfonts
from training.generator.oscillators import random_patch, render_patch
from training.generator.song import Note, compose, melody
from training.generator.vocals import melismas


def test_plans_repeat_and_differ():
    assert compose(7) == compose(7)
    assert compose(7) != compose(8)


def test_melodies_stay_in_range_and_time():
    song = compose(3)
    for note in melody(song, song.rng("test"), 60, 72, 0.7):
        assert 58 <= note.pitch <= 74
        assert 0 <= note.start < song.seconds


def test_patches_repeat():
    def render() -> np.ndarray:
        rng = np.random.default_rng(1)
        return render_patch([Note(0.1, 0.5, 60, 100)], 44_100, random_patch(rng, "lead"), rng)

    assert np.array_equal(render(), render())
    assert np.abs(render()).max() > 0.01


def test_sung_on_one_syllable_are_notes_without_rests():
    notes = [Note(0.0, 0.5, 60, 90), Note(0.5, 0.5, 62, 90), Note(1.5, 0.5, 64, 90)]
    rng = np.random.default_rng(0)
    assert melismas(notes, 1.0, rng) == [notes[:2], notes[2:]]
    assert melismas(notes, 0.0, rng) == [[note] for note in notes]


def test_the_demo_has_its_singer(monkeypatch):
    bank = SimpleNamespace(names=["somebody", demo.SPEAKER])
    monkeypatch.setattr(demo, "bank", lambda: bank)
    assert demo.demo_singer().speaker == 1


def test_effects_keep_shape_and_are_finite():
    rng = np.random.default_rng(2)
    audio = (0.1 * rng.standard_normal((2, 44_100))).astype(np.float32)
    for effect in (
        lambda x: effects.random_eq(x, rng),
        lambda x: effects.compress(x, -6, 4),
        lambda x: effects.saturate(x, 5),
        lambda x: effects.reverb(x, rng, 0.5, 0.5, 0.01),
        lambda x: effects.echo(x, 0.1, 0.5, 0.5, True),
        lambda x: effects.chorus(x, rng),
        lambda x: effects.cabinet(x, rng),
        lambda x: effects.sweep(x, rng, 120),
    ):
        out = effect(audio)
        assert out.shape == audio.shape
        assert np.isfinite(out).all()


@pytest.mark.skipif(not all(f.exists() for f in soundfonts.FONTS), reason="no soundfonts")
def test_rendering_does_not_depend_on_what_came_before():
    pytest.importorskip("fluidsynth")
    notes = [Note(0.1, 0.4, 60, 100), Note(0.35, 0.3, 64, 90)]
    first = soundfonts.render_notes(notes, 1.0, 24)
    soundfonts.render_notes([Note(0.0, 0.2, 50, 100)], 0.777, 61)
    assert np.array_equal(first, soundfonts.render_notes(notes, 1.0, 24))
