"""Vocals: syllables of the voice bank, stretched and sung to a melody by the WORLD vocoder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from . import SAMPLE_RATE, effects
from .song import Note, Song, melody, nearest
from .soundfonts import render_notes
from .voicebank import APERIODICITY_BINS, ENVELOPE_BINS, FRAME_MS, VoiceBank, build_voicebank

FFT_BINS = 1025
FRAMES_A_SECOND = 1000 / FRAME_MS


@dataclass
class Singer:
    """One voice and its manner, for one song."""

    speaker: int
    formants: float  # frequency scale of the spectral envelope
    breath: float
    tilt_db: float  # at 10 kHz
    vibrato: float  # semitones
    vibrato_hz: float
    glide: float  # seconds
    legato: float  # how many notes go on with the vowel before them
    bends: float  # how many notes fall or rise at their end
    drift: float  # semitones
    scoop: float  # semitones
    scoop_s: float  # how long one takes
    rough: float  # 0 clean to 1 rasping
    spoken: bool


@lru_cache(maxsize=1)
def bank() -> VoiceBank:
    """The voice bank, built at first use in the folder that UNMIX_VOICEBANK names."""
    default = Path.home() / ".cache" / "unmixcli-training" / "voicebank"
    return VoiceBank(build_voicebank(Path(os.environ.get("UNMIX_VOICEBANK", default))))


def render_vocals(song: Song) -> np.ndarray:
    """The vocal stem of a song, shape (2, samples); now and then a song has none."""
    rng = song.rng("vocals")
    if rng.random() < 0.1:
        return np.zeros((2, song.samples), np.float32)
    singer = random_singer(song, rng)
    low, high = _range(singer, rng)
    busy = 1.4 if singer.spoken else rng.uniform(0.3, 1.4)
    notes = melody(song, rng, low, high, busy)
    if rng.random() < 0.85:
        notes = _words(notes, rng)
    if rng.random() < 0.3:  # the voice rests for some bars
        silent = {b for b in range(0, song.bars, 2) if rng.random() < 0.4}
        notes = [n for n in notes if int(n.start / song.bar) // 2 * 2 not in silent]
    voices = effects.pan(
        sing(song, notes, singer, rng), float(np.clip(rng.normal(0, 0.06), -0.4, 0.4))
    )
    if rng.random() < 0.35:  # double tracking
        double = sing(song, _loosen(notes, rng), singer, rng)
        place = rng.choice([0, 0.3, 0.8]) * rng.choice([-1, 1])
        voices += effects.pan(double, float(place)) * rng.uniform(0.2, 0.9)
    if rng.random() < 0.1:  # a stack: two more takes, far left and far right
        for place in (-1.0, 1.0):
            take = sing(song, _loosen(notes, rng), singer, rng)
            voices += effects.pan(take, place * rng.uniform(0.6, 1)) * rng.uniform(0.4, 0.9)
    if rng.random() < 0.25 and not singer.spoken:
        voices += _harmony(song, notes, singer, rng)
    voices = _treat(song, voices, singer, rng)
    if rng.random() < 0.06:
        voices = effects.normalise(voices) + 0.5 * effects.normalise(_choir(song, rng))
    return effects.normalise(voices)


def random_singer(song: Song, rng: np.random.Generator) -> Singer:
    """A speaker of the bank with a manner of singing that suits the style."""
    manner = rng.random()
    loud = song.style in ("metal", "rock")
    shouted = manner < (0.35 if loud else 0.12)
    breathy = not shouted and rng.random() < 0.2
    spoken = (song.style == "hiphop" and rng.random() < 0.5) or rng.random() < 0.04
    return Singer(
        speaker=int(rng.choice(len(bank().names), p=bank().weights)),
        formants=float(np.exp(rng.normal(0, 0.11))),
        breath=float(rng.uniform(0.2, 0.7) if breathy else rng.beta(1, 8)),
        tilt_db=float(rng.uniform(4, 16) if shouted else rng.normal(-8 if breathy else 2, 5)),
        vibrato=float(
            rng.choice([0.0, rng.uniform(0.1, 0.35), rng.uniform(0.3, 0.9)], p=[0.35, 0.45, 0.2])
        ),
        vibrato_hz=float(rng.uniform(4.5, 6.8)),
        glide=float(np.exp(rng.uniform(np.log(0.012), np.log(0.12)))),
        legato=float(rng.uniform(0, 0.6)),
        bends=float(rng.uniform(0, 0.4)),
        drift=float(rng.uniform(0.05, 0.4)),
        scoop=float(rng.choice([0, 0.5, 1.5, 3])),
        scoop_s=float(rng.uniform(0.03, 0.2)),
        rough=float(rng.uniform(0.3, 1) if shouted else rng.choice([0, 0, 0, 0.15])),
        spoken=spoken,
    )


def _range(singer: Singer, rng: np.random.Generator) -> tuple[float, float]:
    """A comfortable range about an octave above the speaking voice."""
    speaking = 69 + 12 * np.log2(max(bank().pitch[singer.speaker], 70) / 440)
    if singer.spoken:
        return speaking - 2, speaking + 4
    low = np.clip(speaking + rng.uniform(-2, 9), 40, 62)
    if singer.rough > 0.2:
        low += rng.uniform(2, 7)
    return float(low), float(low + rng.uniform(8, 16))


def _words(notes: list[Note], rng: np.random.Generator) -> list[Note]:
    """Leave out notes here and there, and end some early, as words do."""
    gate = rng.uniform(0.75, 1.0)
    return [
        Note(n.start, n.length * gate, n.pitch, n.velocity) for n in notes if rng.random() < 0.95
    ]


def _loosen(notes: list[Note], rng: np.random.Generator) -> list[Note]:
    late = rng.normal(0, 0.018, len(notes))
    return [
        Note(max(0, n.start + d), n.length, n.pitch, n.velocity)
        for n, d in zip(notes, late, strict=True)
    ]


def _harmony(song: Song, notes: list[Note], singer: Singer, rng: np.random.Generator) -> np.ndarray:
    """One or two more voices on chord notes, for all or for half of the song."""
    audio = np.zeros((2, song.samples), np.float32)
    first = rng.choice([0, song.seconds / 2])
    for shift in rng.choice([-12, -5, 3, 4, 7, 12], int(rng.integers(1, 3)), replace=False):
        line = []
        for n in notes:
            if n.start >= first:
                pitch = nearest(n.pitch + shift, song.chord_at(n.start).pitch_classes)
                line.append(Note(n.start, n.length, pitch, n.velocity))
        other = singer if rng.random() < 0.5 else random_singer(song, rng)
        voice = sing(song, _loosen(line, rng), other, rng)
        audio += effects.pan(voice, float(rng.uniform(-0.9, 0.9))) * rng.uniform(0.25, 0.7)
    return audio


def sing(song: Song, notes: list[Note], singer: Singer, rng: np.random.Generator) -> np.ndarray:
    """One take: the notes sung on random syllables of the singer, shape (2, samples)."""
    import pyworld

    frames = int(song.seconds * FRAMES_A_SECOND) + 1
    envelope = np.full((frames, ENVELOPE_BINS), -30.0, np.float32)
    aperiodicity = np.ones((frames, APERIODICITY_BINS), np.float32)
    voiced = np.zeros(frames, bool)
    pitch = np.full(frames, np.nan)
    onset = np.zeros(frames)
    choices = bank().syllables(singer.speaker)
    hook = rng.choice(choices, 8)
    for i, sung in enumerate(melismas(notes, singer.legato, rng)):
        source = hook[i % 8] if rng.random() < 0.4 else rng.choice(choices)
        length = sung[-1].start + sung[-1].length - sung[0].start
        whole = replace(sung[0], length=length)
        _place(whole, bank().syllable(int(source)), envelope, aperiodicity, voiced, pitch, onset)
        for note in sung[1:]:
            pitch[_frames(note.start, note.length)] = note.pitch
        if rng.random() < singer.bends:
            end = _frames(sung[-1].start, sung[-1].length)
            size = min(end.stop - end.start, int(rng.uniform(0.1, 0.5) * FRAMES_A_SECOND))
            bend = rng.choice([-5, -3, -2, -1, 1, 2]) * np.linspace(0, 1, size) ** 1.5
            part = pitch[end.stop - size : end.stop]
            part += bend[: len(part)]
    if not voiced.any():
        return np.zeros((2, song.samples), np.float32)
    f0 = _pitch_curve(pitch, onset, voiced, singer, rng)
    power, noise = _timbre(envelope, aperiodicity, singer, rng)
    audio = pyworld.synthesize(f0, power, noise, SAMPLE_RATE, FRAME_MS)
    if singer.rough:
        audio = _rasp(audio, f0, singer.rough, rng)
    mono = np.zeros(song.samples, np.float32)
    n = min(len(audio), song.samples)
    mono[:n] = audio[:n]
    return effects.normalise(np.stack([mono, mono]))


def melismas(notes: list[Note], legato: float, rng: np.random.Generator) -> list[list[Note]]:
    """Notes that are sung on one syllable, together."""
    groups: list[list[Note]] = []
    for note in notes:
        last = groups[-1][-1] if groups else None
        close = last is not None and note.start - (last.start + last.length) < 0.08
        if close and len(groups[-1]) < 5 and rng.random() < legato:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def _frames(start: float, seconds: float) -> slice:
    return slice(int(start * FRAMES_A_SECOND), int((start + seconds) * FRAMES_A_SECOND))


def _place(note: Note, syllable, envelope, aperiodicity, voiced, pitch, onset) -> None:
    """Write one syllable's frames into the take, its vowel on the beat and as long as the note."""
    total = len(voiced)
    start, end = syllable.vowel
    before, after = start, len(syllable.voiced) - end
    beat = int(note.start * FRAMES_A_SECOND)
    length = max(12, int(note.length * FRAMES_A_SECOND))
    before = min(before, 30, max(4, length // 2))
    after = min(after, max(3, length // 3))
    stretched = max(4, length - after)
    index = np.concatenate([
        np.arange(start - before, start),
        np.linspace(start, end - 1, stretched),
        np.arange(end, end + after),
    ])  # fmt: skip
    first = beat - before
    keep = (np.arange(len(index)) + first >= 0) & (np.arange(len(index)) + first < total)
    index = index[keep]
    if not len(index):
        return
    where = slice(max(0, first), max(0, first) + len(index))
    low = index.astype(int)
    part = (index - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(syllable.voiced) - 1)
    gain = 2 * np.log(note.velocity / 100)
    fade = np.clip(
        np.minimum(np.arange(len(index)) + 1, np.arange(len(index))[::-1] + 1) / 5, 0.05, 1
    )
    shape = gain + 2 * np.log(fade)[:, None]
    envelope[where] = syllable.envelope[low] * (1 - part) + syllable.envelope[high] * part + shape
    aperiodicity[where] = syllable.aperiodicity[low]
    voiced[where] = syllable.voiced[low]
    pitch[where] = note.pitch
    onset[where] = np.arange(len(index)) / FRAMES_A_SECOND


def _pitch_curve(pitch, onset, voiced, singer: Singer, rng) -> np.ndarray:
    """Hertz for every frame: the notes, with glides, scoops, vibrato, drift and jitter."""
    known = np.flatnonzero(~np.isnan(pitch))
    steps = np.interp(np.arange(len(pitch)), known, pitch[known])
    curve = gaussian_filter1d(steps, max(1.0, singer.glide * FRAMES_A_SECOND))
    curve -= singer.scoop * np.exp(-onset / singer.scoop_s) * (rng.random() < 0.7) * 0.6
    t = np.arange(len(pitch)) / FRAMES_A_SECOND
    wobble = gaussian_filter1d(rng.standard_normal(len(t)), 60) * 8 * 0.6
    rate = singer.vibrato_hz * (1 + 0.05 * wobble)
    swell = np.clip((onset - 0.18) / 0.35, 0, 1)
    curve += singer.vibrato * swell * np.sin(2 * np.pi * np.cumsum(rate) / FRAMES_A_SECOND)
    curve += singer.drift * wobble
    curve += rng.normal(0, 0.03 + 0.12 * singer.rough, len(t))
    if singer.spoken:
        curve += 2.5 * gaussian_filter1d(rng.standard_normal(len(t)), 25) * 6
    hertz = np.clip(440 * 2 ** ((curve - 69) / 12), 60, 1300)
    return np.where(voiced, hertz, 0.0)


def _timbre(envelope, aperiodicity, singer: Singer, rng) -> tuple[np.ndarray, np.ndarray]:
    """Power spectrum and aperiodicity on the vocoder's axis, with formants moved."""
    frames = len(envelope)
    hertz = np.linspace(0, 22050, FFT_BINS)
    # A held vowel never stands still: its formants wander by some per cent.
    wander = 0.02 * gaussian_filter1d(rng.standard_normal(frames), 12) * 6.5
    position = (hertz / 22050 * (ENVELOPE_BINS - 1)) / (singer.formants * np.exp(wander))[:, None]
    position = np.minimum(position, ENVELOPE_BINS - 1.001)
    low = position.astype(np.int32)
    part = (position - low).astype(np.float32)
    power = np.take_along_axis(envelope, low, 1) * (1 - part)
    power += np.take_along_axis(envelope, low + 1, 1) * part
    tilt = singer.tilt_db / 4.34 * np.log2(np.maximum(hertz, 500) / 500) / np.log2(20)
    sway = gaussian_filter1d(rng.standard_normal(frames), 30) * 6
    power = power + tilt * (1 + 0.25 * sway[:, None])
    power += 0.5 * (gaussian_filter1d(rng.standard_normal(frames), 20) * 5)[:, None]
    coarse = np.minimum(low // 4, APERIODICITY_BINS - 1)
    noise = np.take_along_axis(aperiodicity, coarse, 1) + singer.breath * np.clip(
        (hertz - 800) / 5000, 0.02, 1
    )
    power = np.exp(np.clip(power, -28, 6)).astype(np.float64)
    return np.ascontiguousarray(power), np.ascontiguousarray(
        np.clip(noise, 1e-3, 1 - 1e-6).astype(np.float64)
    )


def _rasp(audio: np.ndarray, f0: np.ndarray, amount: float, rng) -> np.ndarray:
    """Rough voice: every other glottal pulse weaker, then driven hard."""
    t = np.arange(len(audio))
    hertz = np.interp(t, np.arange(len(f0)) * SAMPLE_RATE / FRAMES_A_SECOND, f0)
    sub = np.sin(np.pi * np.cumsum(hertz) / SAMPLE_RATE)
    audio = audio * (1 - 0.45 * amount * (1 + np.sign(sub)) * rng.uniform(0.3, 1))
    return effects.saturate(audio[None].astype(np.float32), np.exp(2 * amount))[0]


def _choir(song: Song, rng: np.random.Generator) -> np.ndarray:
    notes = []
    centre = rng.uniform(60, 68)
    for chord in song.chords:
        for pc in chord.pitch_classes[:4]:
            notes.append(Note(chord.start, chord.length * 0.95, nearest(centre, (pc,)), 90))
    return render_notes(notes, song.seconds, int(rng.choice([52, 53])), font=int(rng.integers(2)))


def _treat(song: Song, x: np.ndarray, singer: Singer, rng: np.random.Generator) -> np.ndarray:
    x = effects.highpass(x, rng.uniform(60, 180))
    x = effects.random_eq(x, rng, 4)
    # The synthetic speakers are dull above 4 kHz; microphones and engineers make voices bright.
    air = effects.biquad("highshelf", rng.uniform(2500, 6000), rng.normal(9, 4))
    x = effects.equalise(x, air)
    if rng.random() < 0.5:  # loud singing has its energy in the middle
        presence = effects.biquad("peak", rng.uniform(700, 2800), rng.uniform(2, 9), 0.7)
        x = effects.equalise(x, presence)
    x = effects.compress(x, rng.uniform(-8, 2), rng.uniform(2, 8), rng.uniform(0.05, 0.25))
    if rng.random() < 0.15:
        x = effects.saturate(x, np.exp(rng.uniform(-1, 1.5)))
    if rng.random() < 0.03:  # telephone
        x = effects.lowpass(effects.highpass(x, 400), 3200)
    if rng.random() < 0.1:
        x = effects.chorus(x, rng)
    wettest = float(rng.choice([0.9, 2.0, 3.5], p=[0.6, 0.3, 0.1]))
    return effects.room(x, rng, 0.85, wettest, song.bpm)
