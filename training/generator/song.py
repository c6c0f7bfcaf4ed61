"""The composition: tempo, key, chords, form and melody, before any sound is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import GENERATOR_VERSION, SAMPLE_RATE

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}

# Chord roots as scale degrees, four bars a line.
PROGRESSIONS = (
    (0, 4, 5, 3), (5, 3, 0, 4), (0, 3, 4, 4), (0, 5, 3, 4), (0, 3, 0, 4), (1, 4, 0, 0),
    (0, 6, 5, 4), (0, 6, 3, 0), (0, 2, 3, 4), (3, 4, 2, 5), (0, 0, 3, 4), (0, 5, 1, 4),
    (0, 0, 0, 0), (0, 3, 0, 3), (0, 6, 0, 6), (5, 4, 3, 4), (3, 0, 4, 5), (0, 4, 3, 3),
)  # fmt: skip

# style: (weight, slowest and fastest tempo, how often sixteenths swing)
STYLES = {
    "rock": (16, 85, 160, 0.05),
    "pop": (18, 80, 135, 0.1),
    "electronic": (11, 110, 150, 0.05),
    "funk": (8, 85, 120, 0.3),
    "hiphop": (9, 68, 105, 0.5),
    "ballad": (10, 55, 90, 0.1),
    "jazz": (5, 80, 190, 0.8),
    "latin": (6, 85, 130, 0.1),
    "metal": (7, 90, 190, 0.0),
    "folk": (6, 75, 135, 0.2),
    "reggae": (4, 65, 95, 0.3),
    "soul": (6, 65, 115, 0.4),
    "country": (5, 80, 160, 0.2),
}


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, MIDI pitch, velocity 1 to 127."""

    start: float
    length: float
    pitch: float
    velocity: int


@dataclass(frozen=True)
class Chord:
    """A chord of the song: when it sounds, its root and its pitch classes."""

    start: float
    length: float
    root: int
    pitch_classes: tuple[int, ...]


@dataclass
class Song:
    """What every part of a song agrees on."""

    seed: int
    style: str
    bpm: float
    swing: float
    key: int
    mode: str
    seconds: float
    steps_per_bar: int
    chords: list[Chord] = field(default_factory=list)
    sections: list[float] = field(default_factory=list)

    @property
    def samples(self) -> int:
        return round(self.seconds * SAMPLE_RATE)

    @property
    def step(self) -> float:
        """Seconds of a sixteenth note."""
        return 15.0 / self.bpm

    @property
    def bar(self) -> float:
        return self.step * self.steps_per_bar

    @property
    def bars(self) -> int:
        return int(np.ceil(self.seconds / self.bar))

    @property
    def scale(self) -> tuple[int, ...]:
        return tuple((self.key + degree) % 12 for degree in MODES[self.mode])

    def rng(self, part: str) -> np.random.Generator:
        """A random stream of the part's own: editing one part leaves the others as they were."""
        return np.random.default_rng([GENERATOR_VERSION, self.seed, *part.encode()])

    def time(self, bar: int, step: float) -> float:
        """Seconds from the start to a sixteenth of a bar; every second sixteenth swings."""
        late = self.swing * self.step if int(step) % 2 and step == int(step) else 0.0
        return bar * self.bar + step * self.step + late

    def chord_at(self, time: float) -> Chord:
        for chord in self.chords:
            if time < chord.start + chord.length - 1e-6:
                return chord
        return self.chords[-1]

    def level(self, bar: int) -> float:
        """How full the arrangement is in a bar, 0 to 1."""
        return self.sections[min(bar // 4, len(self.sections) - 1)]


def compose(seed: int, seconds: float = 15.0) -> Song:
    """The plan of song number `seed`.

    Parameters
    ----------
    seed : int
        The song's number; the same number gives the same song.
    seconds : float
        The song's length.
    """
    rng = np.random.default_rng([GENERATOR_VERSION, seed])
    weights = np.array([w for w, *_ in STYLES.values()], float)
    style = str(rng.choice(list(STYLES), p=weights / weights.sum()))
    _, slowest, fastest, swing_chance = STYLES[style]
    modes = ["major", "minor", "dorian", "mixolydian", "harmonic minor", "phrygian"]
    song = Song(
        seed=seed,
        style=style,
        bpm=float(rng.uniform(slowest, fastest)),
        swing=float(rng.uniform(0.1, 0.4)) if rng.random() < swing_chance else 0.0,
        key=int(rng.integers(12)),
        mode=str(rng.choice(modes, p=[0.4, 0.3, 0.1, 0.1, 0.06, 0.04])),
        seconds=seconds,
        steps_per_bar=int(rng.choice([16, 12, 20], p=[0.9, 0.09, 0.01])),
    )
    song.chords = _chords(song, rng)
    song.sections = [float(rng.uniform(0.35, 1.0)) for _ in range(song.bars // 4 + 1)]
    return song


def _chords(song: Song, rng: np.random.Generator) -> list[Chord]:
    progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    per_bar = int(rng.choice([1, 2], p=[0.75, 0.25]))
    rich = {"jazz": 0.9, "soul": 0.6, "funk": 0.5}.get(song.style, 0.15)
    power = song.style == "metal" or (song.style == "rock" and rng.random() < 0.3)
    scale = MODES[song.mode]
    chords = []
    for i in range(song.bars * per_bar):
        degree = progression[i % 4]
        size = 2 if power else 4 if rng.random() < rich else 3
        steps = (0, 4) if power else (0, 2, 4, 6, 8)[:size]
        root = song.key + scale[degree]
        pcs = tuple((song.key + scale[(degree + s) % 7]) % 12 for s in steps)
        length = song.bar / per_bar
        chords.append(Chord(i * length, length, root % 12, pcs))
    return chords


def nearest(pitch: float, pitch_classes: tuple[int, ...]) -> int:
    """The MIDI pitch nearest to `pitch` whose class is one of `pitch_classes`."""
    low = round(pitch) - 6
    return min((p for p in range(low, low + 13) if p % 12 in pitch_classes),
               key=lambda p: abs(p - pitch))  # fmt: skip


def voicing(chord: Chord, centre: float, rng: np.random.Generator) -> list[int]:
    """The chord's notes, close together about a centre pitch, sometimes with the root doubled."""
    notes = sorted({nearest(centre + rng.uniform(-5, 5), (pc,)) for pc in chord.pitch_classes})
    if rng.random() < 0.3:
        notes.append(notes[0] + 12)
    return notes


def melody(
    song: Song, rng: np.random.Generator, low: float, high: float, busy: float
) -> list[Note]:
    """A singable line of phrases with rests between them.

    Parameters
    ----------
    low, high : float
        The range in MIDI pitches.
    busy : float
        0 for long notes and long rests, 1 for many notes.
    """
    notes: list[Note] = []
    pitch = rng.uniform(low + 0.3 * (high - low), high - 0.2 * (high - low))
    unit = 1 if song.bpm < 85 or rng.random() < 0.3 * busy else 2
    bar = 0
    motif: list[tuple[float, float, float]] = []
    while bar < song.bars:
        bars = int(rng.choice([1, 2, 4], p=[0.3, 0.5, 0.2]))
        if motif and rng.random() < 0.35:
            shape = motif
        else:
            shape = _phrase(rng, bars * song.steps_per_bar, unit, busy)
            motif = shape
        for position, length, leap in shape:
            start = song.time(bar, position)
            if start >= song.seconds - 0.1:
                break
            chord = song.chord_at(start)
            pitch = np.clip(pitch + leap, low, high)
            strong = position % 8 == 0 or length >= 4
            chosen = nearest(pitch, chord.pitch_classes if strong else song.scale)
            pitch = float(np.clip(chosen, low - 2, high + 2))
            velocity = int(np.clip(rng.normal(88 + (8 if strong else 0), 10), 30, 127))
            notes.append(Note(start, length * song.step, round(pitch), velocity))
        pitch = 0.6 * pitch + 0.4 * rng.uniform(low + 0.2 * (high - low), high)
        bar += bars
    return notes


def _phrase(rng: np.random.Generator, steps: int, unit: int, busy: float):
    """Positions, lengths (sixteenths) and leaps (semitones) of one phrase."""
    end = steps - int(rng.integers(0, max(1, int(steps * (0.35 - 0.2 * busy)))))
    position = int(rng.choice([0, 0, unit, 2 * unit, 4]))
    direction = rng.choice([-1, 1])
    shape = []
    lengths = np.array([1, 2, 3, 4, 6, 8])
    weights = np.array([0.2 + busy, 0.8, 0.25, 0.5, 0.15, 0.15 + 0.3 * (1 - busy)])
    while position < end:
        length = int(rng.choice(lengths, p=weights / weights.sum())) * unit
        length = min(length, end - position)
        if rng.random() < 0.2:
            direction = -direction
        leap = rng.choice([0, 1.5, 3, 5, 8], p=[0.22, 0.42, 0.22, 0.1, 0.04]) * direction
        shape.append((position, length, leap))
        position += length
        if rng.random() < 0.12:
            position += 2 * unit
    return shape
