"""Synthesisers: band-limited oscillators with envelopes and filters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import SAMPLE_RATE, effects
from .song import Note

TABLE = 2048


@dataclass
class Patch:
    """A synthesiser sound, the same for every note of a part."""

    wave: str
    voices: int  # detuned copies
    detune: float  # semitones
    attack: float
    decay: float
    sustain: float
    release: float
    cutoff: float  # lowpass, as a multiple of the note's frequency; 0 for none
    sub: float  # level of a sine one octave down
    glide: float = 0.0
    vibrato: float = 0.0


def random_patch(rng: np.random.Generator, kind: str) -> Patch:
    """A patch for a `bass`, `pad`, `pluck` or `lead` sound."""
    wave = str(rng.choice(["saw", "square", "pulse", "triangle", "sine", "organ"]))
    voices = int(rng.choice([1, 2, 3, 5]))
    spread = rng.uniform(0.03, 0.25)
    if kind == "bass":
        wave = str(rng.choice(["saw", "square", "sine", "triangle", "pulse"]))
        return Patch(wave, int(rng.choice([1, 1, 2, 3])), spread, 0.004, rng.uniform(0.08, 0.6),
                     rng.uniform(0.2, 1), rng.uniform(0.03, 0.15), np.exp(rng.uniform(0.3, 3)),
                     rng.choice([0, 0.5, 1]))  # fmt: skip
    if kind == "pad":
        return Patch(wave, max(2, voices), spread, rng.uniform(0.05, 0.6), 0.5, 0.9,
                     rng.uniform(0.2, 1), np.exp(rng.uniform(0.8, 3)), 0.0)  # fmt: skip
    if kind == "pluck":
        return Patch(wave, voices, spread, 0.003, rng.uniform(0.05, 0.4), rng.uniform(0, 0.3),
                     rng.uniform(0.05, 0.3), np.exp(rng.uniform(0.8, 3.5)), 0.0)  # fmt: skip
    return Patch(wave, voices, spread, rng.uniform(0.005, 0.06), 0.3, rng.uniform(0.5, 1),
                 rng.uniform(0.05, 0.2), np.exp(rng.uniform(1.2, 3.5)), 0.0,
                 vibrato=rng.choice([0, 0.2, 0.4]))  # fmt: skip


@lru_cache(maxsize=512)
def _table(wave: str, harmonics: int) -> np.ndarray:
    k = np.arange(1, harmonics + 1)
    amplitude = {
        "saw": 1 / k,
        "square": (k % 2) / k,
        "pulse": np.sin(np.pi * 0.2 * k) / k,
        "triangle": (k % 2) / k**2,
        "sine": (k == 1) * 1.0,
        "organ": np.isin(k, (1, 2, 3, 4, 6, 8)) / np.sqrt(k),
    }[wave]
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    spectrum[1 : harmonics + 1] = -0.5j * amplitude * TABLE
    wavetable = np.fft.irfft(spectrum, TABLE)
    return wavetable / np.abs(wavetable).max()


def oscillator(hertz: np.ndarray, wave: str, phase: float = 0.0) -> np.ndarray:
    """A wave whose frequency is given sample by sample; its harmonics stop below Nyquist."""
    highest = max(float(hertz.max()), 20.0)
    harmonics = int(np.clip(0.45 * SAMPLE_RATE / highest, 1, 300))
    harmonics = next(h for h in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 300)[::-1]
                     if h <= harmonics)  # fmt: skip
    table = _table(wave, harmonics)
    position = (phase + np.cumsum(hertz) / SAMPLE_RATE) % 1.0 * TABLE
    return table[position.astype(np.int32)]


def render_patch(
    notes: list[Note], samples: int, patch: Patch, rng: np.random.Generator
) -> np.ndarray:
    """Play notes on a patch, shape (2, samples)."""
    out = np.zeros((2, samples), np.float32)
    previous = None
    for note in notes:
        start = int(note.start * SAMPLE_RATE)
        n = int((note.length + patch.release) * SAMPLE_RATE)
        n = min(n, samples - start)
        if start < 0 or n < 64:
            continue
        t = np.arange(n) / SAMPLE_RATE
        pitch = np.full(n, float(note.pitch))
        if patch.glide and previous is not None:
            pitch += (previous - note.pitch) * np.exp(-t / patch.glide)
        if patch.vibrato:
            depth = patch.vibrato * np.minimum(1, np.maximum(0, t - 0.15) / 0.3)
            pitch += depth * np.sin(2 * np.pi * 5.5 * t)
        previous = note.pitch
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        tone = np.zeros((2, n))
        for i in range(patch.voices):
            shift = 2 ** (rng.uniform(-patch.detune, patch.detune) / 12) if patch.voices > 1 else 1
            place = 0.5 if patch.voices == 1 else i / (patch.voices - 1)
            voice = oscillator(hertz * shift, patch.wave, rng.random())
            tone += voice * np.array([[0.3 + 0.7 * (1 - place)], [0.3 + 0.7 * place]])
        if patch.sub:
            tone += patch.sub * oscillator(hertz / 2, "sine")
        tone = tone.astype(np.float32)
        if patch.cutoff:
            tone = effects.lowpass(
                tone, round(float(np.clip(hertz[-1] * patch.cutoff, 60, 16000)), -1)
            )
        out[:, start : start + n] += tone * (_envelope(t, note.length, patch) * note.velocity / 127)
    return out


def _envelope(t: np.ndarray, length: float, patch: Patch) -> np.ndarray:
    level = patch.sustain + (1 - patch.sustain) * np.exp(-t / patch.decay)
    level *= np.minimum(1, t / patch.attack)
    return level * np.clip(1 - (t - length) / patch.release, 0, 1)
