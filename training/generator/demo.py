# ruff: noqa: E501 -- tables read better in long lines
"""The demo song: half a minute with a beginning, a middle and an end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from . import SAMPLE_RATE, TARGETS, effects
from .bass import render_bass
from .drums import render_drums
from .other import render_part
from .render import HELD_OUT_FROM
from .song import MODES, Chord, Note, Song, nearest
from .vocals import Singer, bank, sing

SEED = HELD_OUT_FROM + 900_005  # one with which every part plays from its first bar on
BPM = 104.0
BARS = 12
SPEAKER = "flite slt"
# Bars in which a part plays: an intro, a verse, a chorus of all, and a last chord.
PLAYS = {"piano": (0, 12), "drums": (2, 12), "bass": (3, 12), "vocals": (4, 12), "strings": (7, 13),
         "guitar": (8, 12), "harmony": (8, 12)}  # fmt: skip
VERSE, CHORUS = (0, 4, 5, 3), (5, 3, 0, 4)
# (bar within four, sixteenth, length in sixteenths, scale degree above the key)
VERSE_LINE = (
    (0, 2, 2, 4), (0, 4, 2, 4), (0, 6, 2, 5), (0, 8, 5, 4), (1, 2, 2, 3), (1, 4, 2, 4), (1, 6, 2, 3),
    (1, 8, 6, 1), (2, 2, 2, 2), (2, 4, 2, 2), (2, 6, 2, 4), (2, 8, 5, 5), (3, 0, 3, 5), (3, 4, 3, 3),
    (3, 8, 7, 3),
)  # fmt: skip
CHORUS_LINE = (
    (0, 0, 4, 7), (0, 4, 2, 7), (0, 6, 2, 8), (0, 8, 7, 9), (1, 0, 4, 9), (1, 4, 2, 8), (1, 6, 2, 7),
    (1, 8, 6, 7), (2, 0, 4, 7), (2, 4, 2, 6), (2, 6, 2, 7), (2, 8, 7, 4), (3, 0, 4, 6), (3, 4, 4, 8),
    (3, 8, 8, 7),
)  # fmt: skip


def compose_demo() -> Song:
    """The demo's plan: C major, 104 beats a minute, twelve bars and a last chord."""
    seconds = BARS * 240 / BPM + 3.0
    song = Song(SEED, "pop", BPM, 0.0, 0, "major", seconds, 16)
    song.sections = [0.4, 0.8, 1.0, 0.3]
    scale = MODES["major"]
    degrees = (*VERSE, *VERSE, *CHORUS, 0, 0)
    for bar, degree in enumerate(degrees):
        classes = tuple(scale[(degree + s) % 7] for s in (0, 2, 4))
        song.chords.append(Chord(bar * song.bar, song.bar, scale[degree], classes))
    return song


def _line(song: Song, phrase, first_bar: int, low: int = 60) -> list[Note]:
    scale = MODES[song.mode]
    return [
        Note(song.time(first_bar + bar, step), length * song.step * 0.95,
             low + 12 * (degree // 7) + scale[degree % 7], 104 if step % 8 == 0 else 92)
        for bar, step, length, degree in phrase
    ]  # fmt: skip


def _during(song: Song, audio: np.ndarray, part: str) -> np.ndarray:
    """Silence outside the bars in which the part plays, with short fades."""
    start, end = (round(bar * song.bar * SAMPLE_RATE) for bar in PLAYS[part])
    gate = np.zeros(audio.shape[1], np.float32)
    gate[max(0, start - 400) : end] = 1
    ring = min(len(gate) - min(end, len(gate)), int(1.5 * SAMPLE_RATE))
    if ring > 0:
        gate[end : end + ring] = np.linspace(1, 0, ring) ** 2
    return audio * gate


def demo_singer() -> Singer:
    """A calm voice that sings each syllable on its note."""
    return Singer(
        speaker=bank().names.index(SPEAKER), formants=1.0, breath=0.1, tilt_db=2.0, vibrato=0.3,
        vibrato_hz=5.4, glide=0.035, legato=0.0, bends=0.0, drift=0.08, scoop=0.5, scoop_s=0.05,
        rough=0.0, spoken=False,
    )  # fmt: skip


def render_demo() -> np.ndarray:
    """The stems, shape (4, 2, samples), float32."""
    song = compose_demo()
    rng = song.rng("demo")
    notes = [*_line(song, VERSE_LINE, 4), *_line(song, CHORUS_LINE, 8)]
    singer = demo_singer()
    lead = sing(song, notes, singer, rng)
    high = [Note(n.start, n.length, nearest(n.pitch + 4, song.chord_at(n.start).pitch_classes), 84)
            for n in notes]  # fmt: skip
    third = _during(song, sing(song, high, singer, rng), "harmony")
    vocals = lead + 0.35 * effects.pan(third, 0.4)
    vocals = effects.equalise(vocals, effects.biquad("highshelf", 4000.0, 7.0))
    vocals = effects.compress(effects.highpass(vocals, 110.0), -4, 3)
    vocals = effects.reverb(effects.normalise(vocals), rng, 0.16, 1.4, 0.03)
    piano = _during(song, render_part(song, "piano", "chords", rng), "piano")
    strings = _during(song, render_part(song, "strings", "pad", rng), "strings")
    guitar = _during(song, render_part(song, "acoustic guitar", "strum", rng), "guitar")
    other = (
        effects.normalise(piano)
        + 0.5 * effects.normalise(strings)
        + 0.6 * effects.normalise(guitar)
    )
    stems = np.stack([
        effects.normalise(_during(song, vocals, "vocals")) * 1.2,
        _during(song, render_drums(song), "drums") * 1.1,
        _during(song, render_bass(song), "bass"),
        effects.normalise(other) * 0.9,
    ])  # fmt: skip
    fade = np.ones(song.samples, np.float32)
    fade[-SAMPLE_RATE:] = np.linspace(1, 0, SAMPLE_RATE)
    stems *= fade
    return (stems * (0.89 / np.abs(stems.sum(axis=0)).max())).astype(np.float32)


def write_demo(folder: Path, quality: float = 0.15) -> int:
    """Write the stems as Ogg Vorbis, and as the mixture the sum of what they decode to.

    Returns
    -------
    int
        The bytes of all files together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = np.zeros((0, 2), np.float32)
    for name, stem in zip(TARGETS, render_demo(), strict=True):
        _write(folder / f"{name}.ogg", stem.T, quality)
        decoded, _ = soundfile.read(folder / f"{name}.ogg", dtype="float32")
        total = decoded if not len(total) else total + decoded
    _write(folder / "mixture.ogg", total, min(1.0, quality + 0.35))
    return sum(file.stat().st_size for file in folder.glob("*.ogg"))


def _write(path: Path, audio: np.ndarray, quality: float) -> None:
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, format="OGG", subtype="VORBIS",
                             compression_level=1 - quality) as file:  # fmt: skip
        # In blocks: libsndfile's Vorbis encoder overflows the stack on long writes.
        for start in range(0, len(audio), 4096):
            file.write(audio[start : start + 4096])
