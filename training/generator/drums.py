# ruff: noqa: E501 -- tables read better in long lines
"""Drums: patterns on a grid of sixteenths, played on sampled, General MIDI or synthesised kits."""

from __future__ import annotations

import numpy as np

from . import SAMPLE_RATE, effects
from .drumkits import Kit, random_kit
from .song import Song

# One bar of sixteenths for each voice; a digit is the loudness out of 9.
# k kick, s snare, r rimshot, h closed hat, o open hat, d ride, c clap, t low tom, m high tom,
# x shaker, y tambourine, b cowbell, g conga, q high conga
GROOVES: dict[str, list[dict[str, str]]] = {
    "rock": [
        {"k": "9.......9.......", "s": "....9.......9...", "h": "7.5.7.5.7.5.7.5."},
        {"k": "9.....9.9.......", "s": "....9.......9...", "h": "7.5.7.5.7.5.7.5."},
        {"k": "9..7....9.7.....", "s": "....9..2.2..9...", "d": "7.5.7.5.7.5.7.5."},
        {"k": "9.....7.7.7.....", "s": "....9.......9...", "o": "8...8...8...8..."},
        {"k": "9.9...9...9.9...", "s": "....9.......9..4", "h": "7...7...7...7..."},
        {"k": "9.......9.9.....", "s": "9.9.9.9.9.9.9.9.", "c": "................"},
    ],
    "pop": [
        {"k": "9.......9..7....", "s": "....9.......9...", "h": "6.4.6.4.6.4.6.4."},
        {"k": "9..9..9.........", "c": "....9.......9...", "h": "6465646564656465"},
        {"k": "9...9...9...9...", "s": "....8.......8...", "o": "..6...6...6...6.", "x": "4354435443544354"},
        {"k": "9.....9...9.....", "c": "....9.......9...", "r": "..4..3....4....."},
        {"k": "9......7..9.....", "s": "....9.......9...", "y": "..5...5...5...5.", "h": "6.4.6.4.6.4.6.4."},
        {"k": "9.........9.....", "s": "....9.......9...", "h": "7...5...7...5..."},
    ],
    "electronic": [
        {"k": "9...9...9...9...", "c": "....9.......9...", "o": "..8...8...8...8."},
        {"k": "9...9...9...9...", "s": "....8.......8...", "h": "6364636463646364", "x": "..5...5...5...5."},
        {"k": "9...9...9...9..6", "o": "..8...8...8...8.", "h": "5.5.5.5.5.5.5.5.", "g": "..4..5....4..5.."},
        {"k": "9.........9.....", "s": "....9.......9...", "h": "6464646464646464"},
        {"k": "9.....9...9..9..", "s": "....9..3.3..9...", "h": "7.7.7.7.7.7.7.7."},
        {"k": "9...9...9...9...", "h": "..7...7...7...7."},
    ],
    "funk": [
        {"k": "9..7..9...7.....", "s": "....9..3.3.39..3", "h": "7565756575657565"},
        {"k": "9.9....7..9..7..", "s": "....9..4.4..9..3", "h": "75757575757575o5"},
        {"k": "9.....9..7....7.", "s": "....9.......9...", "h": "7.7.7.7.7.7.7...", "o": "..............7.", "g": "..5..5....5.55.."},
        {"k": "9..9......9.....", "s": "....8.3..3..8.3.", "h": "7555755575557555", "b": "6...6...6...6..."},
    ],
    "hiphop": [
        {"k": "9......7..9.....", "s": "....9.......9...", "h": "7.5.7.5.7.5.7.5."},
        {"k": "9..9....7.9.....", "s": "....9.......9...", "h": "7.7.7.7.7.7.7.77"},
        {"k": "9.....9.......7.", "c": "........9.......", "h": "7.7.7.777.7.7777"},
        {"k": "9.........7..9..", "s": "........9.......", "h": "7777755577777575"},
        {"k": "9.7....9..7.....", "s": "....9..3....9...", "x": "5354535453545354"},
    ],
    "ballad": [
        {"k": "9.......7.......", "s": "....7.......7...", "h": "5...4...5...4..."},
        {"k": "9.......9.7.....", "r": "....8.......8...", "h": "5.3.5.3.5.3.5.3."},
        {"k": "9...............", "s": "........9.......", "d": "6...5...6...5..."},
        {"k": "8.......8.......", "s": "....7.......7...", "x": "4353435343534353"},
    ],
    "jazz": [
        {"k": "4...........4...", "d": "8...7..58...7..5", "h": "....6.......6...", "s": "...2.....3....2."},
        {"k": "5.......3.......", "d": "7...8..47...8..4", "h": "....5.......5...", "s": "......3....2..4."},
        {"s": "4.434.434.434.43", "k": "4.......4.......", "h": "....5.......5..."},
    ],
    "latin": [
        {"k": "9..79..79..79..7", "r": "8..8..8...8.8...", "x": "5454545454545454"},
        {"g": "..5..56...5..56.", "q": "6..5....6..5....", "b": "8.5.8.5.8.5.8.5.", "k": "9.....7.9.....7."},
        {"k": "9..7....9..7....", "s": "...6..6....6..6.", "h": "6.6.6.6.6.6.6.6.", "g": "....5.55....5.55"},
        {"k": "9..9..9.9..9..9.", "s": "...8..8....8..8.", "y": "5.5.5.5.5.5.5.5."},
    ],
    "metal": [
        {"k": "9999999999999999", "s": "....9.......9...", "d": "8...8...8...8..."},
        {"k": "9.9.9.9.9.9.9.9.", "s": "..9...9...9...9.", "o": "8...8...8...8..."},
        {"k": "9..99..99..99...", "s": "....9.......9...", "o": "8...8...8...8..."},
        {"k": "9.......9.......", "s": "........9.......", "o": "9...9...9...9..."},
        {"k": "9.9.9...9.99....", "s": "....9.......9...", "h": "7.7.7.7.7.7.7.7."},
    ],
    "folk": [
        {"k": "8.......8.......", "y": "....6.......6...", "x": "4.5.4.5.4.5.4.5."},
        {"k": "8...8...8...8...", "s": "..5...5...5...5."},
        {"s": "6.336.336.336.33", "k": "7.......7......."},
        {"g": "8..5..5.8..5..5.", "x": "4343434343434343"},
    ],
    "reggae": [
        {"k": "........9.......", "r": "........8.......", "h": "6.5.6.5.6.5.6.5."},
        {"k": "9...9...9...9...", "r": "........8.......", "h": "..6...6...6...6."},
    ],
    "soul": [
        {"k": "9......7..9.....", "s": "....9.......9...", "h": "6.5.6.5.6.5.6.5.", "y": "....6.......6..."},
        {"k": "9...9...9...9...", "s": "9...9...9...9...", "y": "..5...5...5...5."},
        {"k": "9..7......9.....", "r": "....8.......8..3", "h": "6465646564656465"},
    ],
    "country": [
        {"k": "9...7...9...7...", "s": "..6...6...6...6.", "h": "5...5...5...5..."},
        {"k": "9.......9.......", "s": "5.8.5.8.5.8.5.8."},
        {"k": "9.......9.......", "s": "....8.......8...", "d": "6.6.6.6.6.6.6.6."},
    ],
}  # fmt: skip

PERCUSSION = ("x", "y", "b", "g", "q", "m")


def render_drums(song: Song) -> np.ndarray:
    """The drum stem of a song, shape (2, samples)."""
    rng = song.rng("drums")
    audio = np.zeros((2, song.samples + 4 * SAMPLE_RATE), np.float32)
    kit = random_kit(song, rng)
    _play(song, kit, _hits(song, rng), audio, rng)
    if rng.random() < 0.15:  # a second kit underneath, as in much produced music
        layer = np.zeros_like(audio)
        _play(song, random_kit(song, rng), _hits(song, rng), layer, rng)
        audio += layer * 10 ** (rng.uniform(-14, -3) / 20)
    audio = audio[:, : song.samples]
    if rng.random() < 0.8:
        audio = effects.random_eq(audio, rng, 3.5)
    if rng.random() < 0.5:
        audio = effects.compress(
            audio, rng.uniform(-3, 5), rng.uniform(2, 8), rng.uniform(0.05, 0.3)
        )
    if rng.random() < 0.25:
        audio = effects.saturate(audio, np.exp(rng.uniform(-1, 1.6)))
    if rng.random() < 0.8:  # overheads and room: drums are wide even where each drum is not
        length = rng.uniform(0.15, 1.4)
        wet = 0.05 + 0.7 * rng.beta(1.2, 3)
        audio = effects.reverb(audio, rng, wet, length, rng.uniform(0, 0.02))
    if rng.random() < 0.3:
        audio = effects.width(audio, rng.uniform(0, 1.4))
    return effects.normalise(audio)


def _hits(song: Song, rng: np.random.Generator) -> list[tuple[float, str, float]]:
    """(seconds, voice, loudness 0 to 1) of every stroke."""
    style = song.style if rng.random() < 0.85 else str(rng.choice(list(GROOVES)))
    grooves = GROOVES[style]
    groove = dict(grooves[rng.integers(len(grooves))])
    if rng.random() < 0.25:
        groove[str(rng.choice(PERCUSSION))] = _random_row(rng)
    other = dict(grooves[rng.integers(len(grooves))])
    vary = rng.uniform(0, 0.12)
    human = rng.uniform(0, 0.008)
    fill_every = int(rng.choice([2, 4, 4, 8]))
    silent_from = rng.integers(song.bars) if rng.random() < 0.12 else -1
    hits = []
    for bar in range(song.bars):
        if bar == silent_from:
            continue
        rows = other if song.level(bar) < 0.5 and rng.random() < 0.7 else groove
        fill = (bar + 1) % fill_every == 0 and rng.random() < 0.7
        fill_from = song.steps_per_bar - int(rng.choice([2, 4, 8])) if fill else 99
        for voice, row in rows.items():
            for step in range(song.steps_per_bar):
                mark = row[step % 16]
                if step >= fill_from and voice in "shdor":
                    continue
                loud = int(mark) / 9 if mark.isdigit() else 0.7 if mark == "o" else 0.0
                if rng.random() < vary:
                    loud = rng.uniform(0.2, 0.6) if loud == 0 and voice in "kshx" else 0.0
                if loud:
                    name = "o" if mark == "o" else voice
                    time = song.time(bar, step) + rng.normal(0, human)
                    hits.append((time, name, loud * rng.uniform(0.8, 1.1)))
        if fill:
            hits += _fill(song, bar, fill_from, rng)
        crash = rng.random() < (0.6 if bar % 4 == 0 else 0.05)
        if crash:
            hits.append((song.time(bar, 0), "C", rng.uniform(0.5, 1)))
    return [hit for hit in hits if 0 <= hit[0] < song.seconds]


def _random_row(rng: np.random.Generator) -> str:
    period = int(rng.choice([4, 8, 16]))
    row = [str(rng.integers(3, 8)) if rng.random() < 0.45 else "." for _ in range(period)]
    return "".join(row) * (16 // period)


def _fill(song: Song, bar: int, first: int, rng: np.random.Generator):
    voices = rng.choice(["s", "mt", "smt", "ssmmtt", "sk"])
    steps = range(first, song.steps_per_bar, int(rng.choice([1, 1, 2])))
    return [
        (song.time(bar, step), voices[int(i * len(voices) / len(steps))], rng.uniform(0.5, 1))
        for i, step in enumerate(steps)
        if rng.random() < 0.85
    ]


def _play(song: Song, kit: Kit, hits, audio: np.ndarray, rng: np.random.Generator) -> None:
    last_open = None
    for time, voice, loud in sorted(hits):
        sound = kit.sound(voice, loud)
        if sound is None:
            continue
        start = int(time * SAMPLE_RATE)
        if voice == "h" and last_open is not None:  # a closed hat chokes the open one
            begin, end = last_open
            if begin < start < end:
                fade = np.linspace(1, 0, min(1500, end - start), dtype=np.float32)
                hat = kit.sound("o", 0.8)[:, start - begin : end - begin]
                audio[:, start : start + hat.shape[1]] -= hat * kit.open_gain
                kept = hat[:, : len(fade)] * fade[: hat.shape[1]]
                audio[:, start : start + kept.shape[1]] += kept * kit.open_gain
            last_open = None
        gain = loud**1.3
        if voice == "o":
            sound = kit.sound("o", 0.8)
            last_open, kit.open_gain = (start, start + sound.shape[1]), gain
        stop = min(start + sound.shape[1], audio.shape[1])
        audio[:, start:stop] += gain * sound[:, : stop - start]
