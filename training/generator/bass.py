"""Bass: a line under the chords, on sampled basses, oscillators or a sub."""

from __future__ import annotations

import numpy as np

from . import effects
from .oscillators import Patch, random_patch, render_patch
from .song import Note, Song
from .soundfonts import render_notes

PROGRAMS = {"finger": 33, "pick": 34, "fretless": 35, "slap": 36, "slap 2": 37,
            "synth 1": 38, "synth 2": 39, "upright": 32}  # fmt: skip

LINES = {
    "rock": ("eighths", "root", "syncopated", "fifths"),
    "pop": ("eighths", "root", "syncopated", "octaves", "long"),
    "electronic": ("octaves", "offbeat", "sixteenths", "long", "syncopated"),
    "funk": ("funk", "syncopated", "octaves"),
    "hiphop": ("sub", "long", "syncopated"),
    "ballad": ("long", "root", "fifths"),
    "jazz": ("walking",),
    "latin": ("tumbao", "fifths", "syncopated"),
    "metal": ("eighths", "sixteenths", "root"),
    "folk": ("fifths", "root", "long"),
    "reggae": ("dub", "syncopated"),
    "soul": ("syncopated", "funk", "walking"),
    "country": ("fifths", "walking"),
}


def render_bass(song: Song) -> np.ndarray:
    """The bass stem of a song, shape (2, samples)."""
    rng = song.rng("bass")
    lines = LINES[song.style] if rng.random() < 0.85 else sum(LINES.values(), ())
    line = str(rng.choice(lines))
    low = int(rng.choice([28, 31, 33, 36])) if line != "sub" else int(rng.choice([26, 28, 31]))
    notes = _line(song, line, low, rng)
    synthetic = {"electronic": 0.75, "hiphop": 0.7, "pop": 0.4}.get(song.style, 0.12)
    if rng.random() < synthetic or line == "sub":
        audio = _synth_bass(song, notes, line, rng)
    else:
        audio = _sampled_bass(song, notes, rng)
    audio = _amplify(audio, rng)
    if rng.random() < 0.8:
        audio = effects.random_eq(audio, rng, 3.5)
    if rng.random() < 0.6:
        audio = effects.compress(
            audio, rng.uniform(-6, 3), rng.uniform(2, 8), rng.uniform(0.1, 0.4)
        )
    if rng.random() < 0.18:
        audio = effects.chorus(audio, rng)
    if rng.random() < 0.3:
        audio = effects.reverb(audio, rng, rng.uniform(0.03, 0.25), rng.uniform(0.2, 1.2), 0.0)
    audio = effects.width(audio, 0.0 if rng.random() < 0.4 else rng.uniform(0, 1.2))
    audio = effects.pan(audio, np.clip(rng.normal(0, 0.05), -0.3, 0.3))
    return effects.normalise(audio)


def _amplify(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strings, pickups and amplifiers: recorded basses are far brighter than clean samples."""
    if rng.random() < 0.6:
        lift = effects.biquad("highshelf", rng.uniform(250, 1500), rng.uniform(3, 18))
        audio = effects.equalise(audio, lift)
    if rng.random() < 0.65:
        drive = np.exp(rng.uniform(-0.5, 3.0))
        driven = effects.highpass(audio, rng.uniform(60, 250))
        driven = effects.saturate(driven, drive, rng.uniform(0, 0.4))
        driven = effects.lowpass(driven, rng.uniform(1500, 9000))
        # As bass amplifiers do: the lows stay clean and whole underneath.
        share = rng.uniform(0.15, 0.9)
        audio = (1 - share) * effects.normalise(audio) + share * effects.normalise(driven)
    return audio


def _sampled_bass(song: Song, notes: list[Note], rng: np.random.Generator) -> np.ndarray:
    names = {
        "jazz": ["upright", "upright", "fretless", "finger"],
        "funk": ["slap", "slap 2", "finger", "pick"],
        "folk": ["upright", "finger", "upright"],
        "metal": ["pick", "finger"],
        "electronic": ["synth 1", "synth 2", "finger"],
    }.get(song.style, ["finger", "finger", "pick", "fretless", "slap", "upright", "synth 1"])
    program = PROGRAMS[str(rng.choice(names))]
    audio = render_notes(notes, song.seconds, program, font=int(rng.integers(2)))
    if rng.random() < 0.2:
        audio = effects.lowpass(audio, rng.uniform(500, 4000))
    return audio


def _synth_bass(song: Song, notes: list[Note], line: str, rng: np.random.Generator) -> np.ndarray:
    patch = random_patch(rng, "bass")
    if line == "sub" or rng.random() < 0.15:
        decay = rng.uniform(0.4, 1.5)
        glide = float(rng.choice([0, 0.03, 0.08]))
        patch = Patch("sine", 1, 0.0, 0.004, decay, 0.2, 0.1, 0.0, 0.0, glide)
        audio = render_patch(notes, song.samples, patch, rng)
        return effects.saturate(audio, np.exp(rng.uniform(-1.5, 1.5)))
    patch.glide = float(rng.choice([0, 0, 0.02, 0.06]))
    audio = render_patch(notes, song.samples, patch, rng)
    return effects.sweep(audio, rng, song.bpm) if rng.random() < 0.3 else audio


def _line(song: Song, line: str, low: int, rng: np.random.Generator) -> list[Note]:
    notes: list[Note] = []
    steps = song.steps_per_bar
    pattern = _pattern(line, steps, rng)
    gate = rng.uniform(0.55, 1.0)
    rest_bar = int(rng.integers(song.bars)) if rng.random() < 0.15 else -1
    vary = rng.uniform(0, 0.15)
    # A hand is late and early, loud and soft, and slips in notes that are only a click.
    loose = rng.uniform(0, 1) if line not in ("sub", "sixteenths") else 0.0
    for bar in range(song.bars):
        if bar == rest_bar:
            continue
        for position, length, interval in pattern:
            if rng.random() < vary:
                continue
            start = song.time(bar, position)
            chord = song.chord_at(start)
            root = low + (chord.root - low) % 12
            if interval == "walk":
                pitch = _walk(song, chord.root, low, notes, position, rng)
            else:
                pitch = root + _interval(interval, chord, rng)
            accent = 8 if position % 4 == 0 else 0
            velocity = int(np.clip(rng.normal(92 + accent, 9 + 8 * loose), 40, 127))
            start = max(0, start + rng.normal(0, 0.004 + 0.008 * loose))
            held = length * song.step * gate * (1 - 0.3 * loose * rng.random())
            notes.append(Note(start, held, pitch, velocity))
            if rng.random() < 0.15 * loose:
                ghost = start + length * song.step * rng.choice([0.5, 0.75])
                notes.append(Note(ghost, 0.04, pitch + int(rng.choice([0, 5, 7, 12])), 55))
    return notes


def _interval(interval: int | str, chord, rng: np.random.Generator) -> int:
    if interval == "fill":
        return int(rng.choice([0, 7, 12, 10, 5, 3]))
    return int(interval)


def _walk(song: Song, root: int, low: int, notes: list[Note], position: int, rng) -> int:
    if position == 0 or not notes:
        return low + (root - low) % 12
    pitch = notes[-1].pitch + int(rng.choice([-2, -1, 1, 2, 3, -3]))
    while pitch % 12 not in song.scale and rng.random() < 0.8:
        pitch += 1
    return int(np.clip(pitch, low - 2, low + 19))


def _pattern(line: str, steps: int, rng: np.random.Generator) -> list[tuple[int, float, int | str]]:  # noqa: PLR0911
    every = range
    if line == "eighths":
        return [(s, 2, 0) for s in every(0, steps, 2)]
    if line == "sixteenths":
        return [(s, 1, 0) for s in every(0, steps, 1) if rng.random() < 0.85]
    if line == "offbeat":
        return [(s, 2, 0) for s in every(2, steps, 4)]
    if line == "octaves":
        return [(s, 2, 12 if s % 4 else 0) for s in every(0, steps, 2)]
    if line == "long":
        return (
            [(0, steps, 0)]
            if rng.random() < 0.5
            else [(0, steps // 2, 0), (steps // 2, steps // 2, 0)]
        )
    if line == "fifths":
        return [(s, 4, 7 if s % 8 else 0) for s in every(0, steps, 4)]
    if line == "walking":
        return [(s, 4, "walk") for s in every(0, steps, 4)]
    if line == "tumbao":
        return [(0, 3, 0), (6, 4, 7), (12, 4, 12)]
    if line == "dub":
        return [(0, 3, 0), (3, 1, 0), (6, 2, 7), (10, 2, 12), (12, 4, 7)]
    if line == "sub":
        return [
            (0, 6, 0),
            (int(rng.choice([6, 7, 10])), 5, 0),
            (int(rng.choice([11, 13, 14])), 2, "fill"),
        ]
    if line == "root":
        return [(s, 4, 0) for s in every(0, steps, 4)]
    chance = 0.55 if line == "funk" else 0.35
    unit = 1 if line == "funk" else 2
    spots = [s for s in every(0, steps, unit) if s == 0 or rng.random() < chance]
    ends = [*spots[1:], steps]
    return [
        (s, min(e - s, 4), 0 if s == 0 or rng.random() < 0.5 else "fill")
        for s, e in zip(spots, ends, strict=True)
    ]
