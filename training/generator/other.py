# ruff: noqa: E501 -- tables read better in long lines
"""Everything else: chords, riffs, leads and pads on one to five instruments."""

from __future__ import annotations

import numpy as np

from . import effects
from .oscillators import random_patch, render_patch
from .song import Note, Song, melody, voicing
from .soundfonts import render_notes

# family: (General MIDI programs, roles, centre pitch)
FAMILIES = {
    "piano": ((0, 1, 2, 3), ("comp", "broken", "chords", "lead"), 62),
    "electric piano": ((4, 5), ("comp", "chords", "broken"), 62),
    "clavinet": ((7, 6), ("comp", "riff"), 60),
    "organ": ((16, 17, 18, 19), ("chords", "comp", "pad"), 62),
    "accordion": ((21, 22, 23), ("chords", "lead", "comp"), 66),
    "acoustic guitar": ((24, 25), ("strum", "broken", "strum"), 58),
    "electric guitar": ((26, 27, 28), ("strum", "broken", "riff", "comp"), 58),
    "distorted guitar": ((27, 29, 30), ("power", "riff", "power"), 46),
    "lead guitar": ((27, 29, 30), ("lead", "riff"), 66),
    "strings": ((48, 49, 50, 51), ("pad", "chords", "lead"), 64),
    "bowed": ((40, 41, 42, 110), ("lead", "pad"), 64),
    "brass": ((61, 62, 63, 57, 60), ("stabs", "pad", "riff", "lead"), 60),
    "trumpet": ((56, 59, 57), ("lead",), 67),
    "saxophone": ((64, 65, 66, 67), ("lead", "riff"), 62),
    "woodwind": ((73, 74, 75, 71, 68, 69), ("lead",), 72),
    "mallets": ((11, 12, 13, 8, 9, 10, 108), ("broken", "lead", "riff"), 70),
    "plucked": ((45, 46, 104, 105, 106, 107, 15), ("broken", "lead", "strum"), 64),
    "synth pad": ((88, 89, 90, 91, 92, 93, 94, 95), ("pad",), 62),
    "synth lead": ((80, 81, 82, 83, 84, 87), ("lead", "riff", "broken"), 68),
    "oscillator pad": ((), ("pad", "chords"), 60),
    "oscillator pluck": ((), ("broken", "riff", "comp"), 66),
    "oscillator lead": ((), ("lead", "riff"), 70),
}

SUITS = {
    "rock": ("distorted guitar", "distorted guitar", "electric guitar", "lead guitar", "organ", "piano"),
    "pop": ("piano", "acoustic guitar", "electric guitar", "synth pad", "strings", "oscillator pluck",
            "electric piano", "oscillator pad"),
    "electronic": ("oscillator pad", "oscillator pluck", "oscillator lead", "synth pad", "synth lead",
                   "oscillator pluck", "piano"),
    "funk": ("clavinet", "electric guitar", "brass", "organ", "saxophone", "electric piano"),
    "hiphop": ("electric piano", "piano", "strings", "mallets", "oscillator pad", "plucked", "synth lead"),
    "ballad": ("piano", "strings", "acoustic guitar", "synth pad", "electric piano", "bowed"),
    "jazz": ("piano", "saxophone", "trumpet", "electric guitar", "mallets", "brass", "woodwind"),
    "latin": ("piano", "brass", "acoustic guitar", "trumpet", "woodwind", "plucked"),
    "metal": ("distorted guitar", "distorted guitar", "lead guitar", "distorted guitar", "strings"),
    "folk": ("acoustic guitar", "acoustic guitar", "bowed", "accordion", "woodwind", "plucked", "piano"),
    "reggae": ("organ", "electric guitar", "clavinet", "brass", "piano"),
    "soul": ("electric piano", "organ", "brass", "electric guitar", "strings", "saxophone"),
    "country": ("acoustic guitar", "electric guitar", "bowed", "piano", "lead guitar", "plucked"),
}  # fmt: skip


def render_other(song: Song) -> np.ndarray:
    """The stem of all other instruments, shape (2, samples)."""
    rng = song.rng("other")
    total = np.zeros((2, song.samples), np.float32)
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.1, 0.22, 0.28, 0.24, 0.16]))
    lead_taken = False
    for i in range(count):
        names = SUITS[song.style] if rng.random() < 0.7 else tuple(FAMILIES)
        family = str(rng.choice(names))
        role = str(rng.choice(FAMILIES[family][1]))
        if role == "lead" and lead_taken and rng.random() < 0.7:
            role = str(rng.choice(FAMILIES[family][1]))
        lead_taken |= role == "lead"
        part = render_part(song, family, role, rng)
        level = rng.normal(0 if i == 0 else -3, 3)
        total += effects.normalise(part) * 10 ** (level / 20)
    if rng.random() < 0.4:
        total = effects.compress(total, rng.uniform(-2, 4), rng.uniform(1.5, 4))
    if rng.random() < 0.2:  # a dense bus: everything glued together
        total = effects.saturate(total, np.exp(rng.uniform(-1, 1.5)))
    if rng.random() < 0.3:
        total = effects.width(total, rng.uniform(0.2, 1.6))
    return effects.normalise(total)


def render_part(song: Song, family: str, role: str, rng: np.random.Generator) -> np.ndarray:
    """One instrument with its effects, shape (2, samples)."""
    programs, _, centre = FAMILIES[family]
    centre += int(rng.integers(-6, 7))
    notes = _notes(song, role, centre, rng)
    if role in ("pad", "chords", "comp", "power") and rng.random() < 0.35:
        notes = notes + _left_hand(song, centre, rng)
    notes = _rests(song, notes, rng)
    if not programs:
        kind = {"pad": "pad", "chords": "pad", "lead": "lead"}.get(role, "pluck")
        audio = render_patch(notes, song.samples, random_patch(rng, kind), rng)
        if rng.random() < 0.3:
            audio = effects.sweep(audio, rng, song.bpm)
    else:
        bends = _vibrato(notes, rng) if role == "lead" and rng.random() < 0.6 else []
        program = int(rng.choice(programs))
        audio = render_notes(notes, song.seconds, program, font=int(rng.integers(2)), bends=bends)
    return _treat(song, audio, family, role, rng)


def _treat(song: Song, audio: np.ndarray, family: str, role: str, rng) -> np.ndarray:
    guitar = "guitar" in family
    if family in ("distorted guitar", "lead guitar"):
        drive = np.exp(rng.uniform(0.8, 3.4))
        audio = effects.saturate(effects.highpass(audio, rng.uniform(80, 300)), drive)
        audio = effects.cabinet(audio, rng)
        if role == "power" and rng.random() < 0.6:  # double tracked, left and right
            late = int(rng.uniform(0.008, 0.03) * 44100)
            mono = audio.mean(axis=0)
            copy = effects.random_eq(np.stack([mono, mono]), rng, 2)[0]
            audio = np.stack([mono, np.pad(copy, (late, 0))[: len(copy)]])
    elif (guitar and rng.random() < 0.3) or (
        family in ("organ", "clavinet") and rng.random() < 0.3
    ):
        audio = effects.saturate(audio, np.exp(rng.uniform(-0.5, 1.5)))
    if family not in ("distorted guitar", "lead guitar") and rng.random() < 0.65:
        audio = effects.highpass(audio, rng.uniform(30, 250))
    if rng.random() < 0.2:
        audio = effects.chorus(audio, rng)
    if rng.random() < 0.12:  # tremolo or auto-pan
        t = np.arange(audio.shape[1]) / 44100
        rate = song.bpm / 60 * rng.choice([1, 2, 3, 4])
        phase = np.array([[0.0], [rng.choice([0.0, np.pi])]])
        audio = audio * (
            1 - 0.35 * (1 + np.sin(2 * np.pi * rate * t + phase)) * rng.uniform(0.3, 1)
        )
        audio = audio.astype(np.float32)
    audio = effects.random_eq(audio, rng, 4)
    if rng.random() < 0.6:
        lift = effects.biquad("highshelf", rng.uniform(2000, 7000), rng.uniform(0, 10))
        audio = effects.equalise(audio, lift)
    if rng.random() < 0.3:
        audio = effects.width(audio, rng.uniform(0, 0.7))
    audio = effects.pan(audio, float(np.clip(rng.normal(0, 0.4), -1, 1)))
    return effects.room(audio, rng, 0.6, 1.0, song.bpm)


def _rests(song: Song, notes: list[Note], rng: np.random.Generator) -> list[Note]:
    """Parts come and go with the sections of the song."""
    if rng.random() < 0.6:
        return notes
    silent = {b for b in range(0, song.bars, 2) if rng.random() < 0.3}
    kept = [n for n in notes if int(n.start / song.bar) // 2 * 2 not in silent]
    return kept or notes


def _vibrato(notes: list[Note], rng: np.random.Generator) -> list[tuple[float, int]]:
    rate, depth = rng.uniform(4.5, 6.5), rng.uniform(0.1, 0.45)
    scoop = rng.random() < 0.4
    bends = []
    for note in notes:
        for t in np.arange(0, note.length, 0.02):
            value = depth * min(1, max(0, t - 0.15) / 0.3) * np.sin(2 * np.pi * rate * t)
            if scoop:
                value -= 1.0 * np.exp(-t / 0.04)
            bends.append((note.start + t, int(np.clip(value * 4096, -8192, 8191))))
    return bends


def _notes(song: Song, role: str, centre: int, rng: np.random.Generator) -> list[Note]:
    if role == "lead":
        return melody(song, rng, centre - 7, centre + 10, rng.uniform(0.1, 1))
    if role == "riff":
        return _riff(song, centre, rng)
    notes: list[Note] = []
    rhythm = _rhythm(song, role, rng)
    loud = rng.uniform(70, 105)
    shapes: dict[tuple, list[int]] = {}
    up = bool(rng.integers(2))
    step_index = 0
    for bar in range(song.bars):
        for position, length in rhythm:
            start = song.time(bar, position)
            chord = song.chord_at(start)
            if chord.pitch_classes not in shapes:
                shapes[chord.pitch_classes] = (
                    _power(chord, centre) if role == "power" else voicing(chord, centre, rng)
                )
            chosen = shapes[chord.pitch_classes]
            velocity = int(np.clip(rng.normal(loud + (6 if position % 4 == 0 else 0), 7), 20, 127))
            if role == "broken":
                order = sorted(chosen) if up else sorted(chosen, reverse=True)
                chosen = [order[step_index % len(order)]]
                step_index += 1
            spread = rng.uniform(0.006, 0.02) if role == "strum" else 0.0
            order = chosen if position % 4 == 0 else chosen[::-1]
            for i, pitch in enumerate(order):
                time = max(0.0, start + i * spread + rng.normal(0, 0.003))
                notes.append(Note(time, length * song.step, pitch, velocity))
    return notes


def _left_hand(song: Song, centre: int, rng: np.random.Generator) -> list[Note]:
    """The roots one or two octaves below: recorded pianos, pads and guitars reach into the bass."""
    low = centre - int(rng.choice([12, 12, 24])) - 6
    loud = rng.uniform(60, 100)
    return [
        Note(c.start, c.length * 0.95, low + (c.root - low) % 12, int(np.clip(loud, 20, 127)))
        for c in song.chords
    ]


def _power(chord, centre: int) -> list[int]:
    root = centre - 6 + (chord.root - centre + 6) % 12
    return [root, root + 7, root + 12]


def _rhythm(song: Song, role: str, rng: np.random.Generator) -> list[tuple[int, float]]:  # noqa: PLR0911
    steps = song.steps_per_bar
    if role == "pad":
        return [(0, steps)] if rng.random() < 0.7 else [(0, steps / 2), (steps // 2, steps / 2)]
    if role == "chords":
        unit = int(rng.choice([2, 4, 8], p=[0.2, 0.5, 0.3]))
        return [(s, unit * rng.uniform(0.6, 1)) for s in range(0, steps, unit)]
    if role == "broken":
        unit = int(rng.choice([1, 2, 2, 4]))
        return [(s, unit * rng.choice([1, 2, 3])) for s in range(0, steps, unit)]
    if role == "strum":
        spots = [s for s in range(0, steps, 2 if rng.random() < 0.6 else 1)
                 if s % 4 == 0 or rng.random() < 0.55]  # fmt: skip
        return [(s, 2.5) for s in spots]
    if role == "power":
        if rng.random() < 0.35:
            return [(0, steps)]
        if rng.random() < 0.4:
            return [(s, 1.6) for s in range(0, steps, 2)]
    if role == "stabs":
        spots = sorted(set(rng.integers(0, steps, rng.integers(2, 5)).tolist()))
        return [(s, rng.choice([1, 1, 2, 4])) for s in spots]
    if song.style == "reggae":
        return (
            [(s, 1) for s in range(4, steps, 8)]
            if rng.random() < 0.5
            else [(s, 1) for s in range(2, steps, 4)]
        )
    spots = [s for s in range(0, steps, 2) if rng.random() < 0.45] or [0]
    ends = [*spots[1:], steps]
    gate = rng.uniform(0.4, 1)
    return [(s, (e - s) * gate) for s, e in zip(spots, ends, strict=True)]


def _riff(song: Song, centre: int, rng: np.random.Generator) -> list[Note]:
    """A figure of one or two bars, moved to each chord's root."""
    steps = song.steps_per_bar * int(rng.choice([1, 2]))
    spots = [s for s in range(0, steps, int(rng.choice([1, 2, 2]))) if rng.random() < 0.6] or [0]
    offsets = rng.choice([0, 2, 3, 5, 7, 10, 12], len(spots))
    bars = steps // song.steps_per_bar
    notes = []
    for bar in range(0, song.bars, bars):
        for spot, offset in zip(spots, offsets, strict=True):
            start = song.time(bar, spot)
            root = centre - 6 + (song.chord_at(start).root - centre + 6) % 12
            pitch = root + int(offset)
            if pitch % 12 not in song.scale:
                pitch -= 1
            velocity = int(np.clip(rng.normal(92, 9), 30, 127))
            notes.append(Note(start, song.step * rng.uniform(0.7, 2), pitch, velocity))
    return notes
