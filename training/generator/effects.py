"""Studio effects on arrays of shape (2, samples), written without Python loops over samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import butter, istft, lfilter, oaconvolve, sosfilt, stft

from . import SAMPLE_RATE

Audio = np.ndarray


def biquad(kind: str, hertz: float, gain_db: float = 0.0, q: float = 0.8) -> np.ndarray:
    """One second-order section of the audio EQ cookbook: peak, lowshelf or highshelf."""
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * min(hertz, 0.45 * SAMPLE_RATE) / SAMPLE_RATE
    cos, alpha = np.cos(w), np.sin(w) / (2 * q)
    if kind == "peak":
        b = [1 + alpha * a, -2 * cos, 1 - alpha * a]
        d = [1 + alpha / a, -2 * cos, 1 - alpha / a]
    else:
        s = 1 if kind == "lowshelf" else -1
        root = 2 * np.sqrt(a) * alpha
        b = [a * ((a + 1) - s * (a - 1) * cos + root), 2 * s * a * ((a - 1) - s * (a + 1) * cos),
             a * ((a + 1) - s * (a - 1) * cos - root)]  # fmt: skip
        d = [(a + 1) + s * (a - 1) * cos + root, -2 * s * ((a - 1) + s * (a + 1) * cos),
             (a + 1) + s * (a - 1) * cos - root]  # fmt: skip
    return np.array([*b, *d]) / d[0]


def equalise(x: Audio, *sections: np.ndarray) -> Audio:
    return sosfilt(np.stack(sections), x, axis=-1).astype(np.float32)


def lowpass(x: Audio, hertz: float, order: int = 2) -> Audio:
    return sosfilt(_butter(order, float(hertz), "low"), x, axis=-1).astype(np.float32)


def highpass(x: Audio, hertz: float, order: int = 2) -> Audio:
    return sosfilt(_butter(order, float(hertz), "high"), x, axis=-1).astype(np.float32)


@lru_cache(maxsize=64)
def _butter(order: int, hertz: float, kind: str) -> np.ndarray:
    return butter(order, min(hertz, 0.45 * SAMPLE_RATE), kind, fs=SAMPLE_RATE, output="sos")


def random_eq(x: Audio, rng: np.random.Generator, amount: float = 4.0) -> Audio:
    """A mild random tone: two shelves and up to two bells."""
    sections = [
        biquad("lowshelf", rng.uniform(80, 350), rng.normal(0, amount * 0.6)),
        biquad("highshelf", rng.uniform(2500, 9000), rng.normal(0, amount)),
    ]
    for _ in range(rng.integers(0, 3)):
        hertz = np.exp(rng.uniform(np.log(200), np.log(6000)))
        sections.append(biquad("peak", hertz, rng.normal(0, amount), rng.uniform(0.5, 2)))
    return equalise(x, *sections)


def compress(x: Audio, threshold_db: float, ratio: float, release: float = 0.15) -> Audio:
    """A compressor; its detector works on blocks of 64 samples, relative to the RMS level."""
    block = 64
    n = x.shape[-1]
    blocks = -(-n // block)
    padded = np.zeros((2, blocks * block), np.float32)
    padded[:, :n] = x
    power = (padded.reshape(2, blocks, block) ** 2).mean(axis=(0, 2))
    pole = np.exp(-block / (release * SAMPLE_RATE))
    smooth = np.maximum(lfilter([1 - pole], [1, -pole], power), 0.3 * power)
    reference = 10 * np.log10(power.mean() + 1e-12)
    over = np.maximum(0, 10 * np.log10(smooth + 1e-12) - reference - threshold_db)
    gain = 10 ** (-over * (1 - 1 / ratio) / 20)
    centres = np.arange(blocks) * block + block / 2
    return x * np.interp(np.arange(n), centres, gain).astype(np.float32)


def limiter_gain(x: Audio, threshold: float, release: float = 0.08) -> np.ndarray:
    """The gain of a limiter that looks 3 ms ahead, shape (samples,)."""
    block = 32
    n = x.shape[-1]
    blocks = -(-n // block)
    peaks = np.zeros(blocks * block, np.float32)
    peaks[:n] = np.abs(x).max(axis=0)
    over = 20 * np.log10(np.maximum(peaks.reshape(-1, block).max(axis=1), 1e-9) / threshold)
    over = maximum_filter1d(np.maximum(over, 0), 9)
    pole = np.exp(-block / (release * SAMPLE_RATE))
    reduction = gaussian_filter1d(np.maximum(over, lfilter([1 - pole], [1, -pole], over)), 2)
    centres = np.arange(blocks) * block + block / 2
    return 10 ** (-np.interp(np.arange(n), centres, reduction) / 20)


def saturate(x: Audio, drive: float, asymmetry: float = 0.0) -> Audio:
    """Soft clipping at about the same level; drive 1 is mild, 30 a fuzz."""
    level = np.sqrt(np.mean(x**2)) + 1e-9
    y = np.tanh(x * (drive * 0.3 / level) + asymmetry) - np.tanh(asymmetry)
    return (y * (level / (np.sqrt(np.mean(y**2)) + 1e-9))).astype(np.float32)


def cabinet(x: Audio, rng: np.random.Generator) -> Audio:
    """What a guitar loudspeaker leaves: a band from about 100 Hz to 5 kHz with a presence bump."""
    x = highpass(lowpass(x, rng.uniform(3500, 6500), 4), rng.uniform(70, 130))
    return equalise(x, biquad("peak", rng.uniform(1800, 3500), rng.uniform(1, 7), 1.0),
                    biquad("peak", rng.uniform(300, 600), rng.uniform(-5, 1), 0.8))  # fmt: skip


def reverb(
    x: Audio, rng: np.random.Generator, wet: float, seconds: float, predelay: float
) -> Audio:
    """A room of decaying noise, darker as it decays, different in both channels."""
    n = int(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    noise = rng.standard_normal((2, n)).astype(np.float32)
    dark = lowpass(noise, rng.uniform(1200, 3500), 1)
    blend = np.exp(-3 * t / seconds)
    tail = (noise * blend * rng.uniform(0.3, 1) + dark) * np.exp(-6.9 * t / seconds)
    tail = highpass(tail.astype(np.float32), rng.uniform(100, 400))
    for _ in range(rng.integers(2, 8)):
        tail[rng.integers(2), rng.integers(n // 8 + 1)] += rng.normal(0, 1.5)
    tail = np.pad(tail, ((0, 0), (int(predelay * SAMPLE_RATE), 0)))
    send = x.mean(axis=0, keepdims=True) if rng.random() < 0.5 else x
    wet_signal = oaconvolve(np.broadcast_to(send, x.shape), tail, axes=-1)[:, : x.shape[1]]
    level = np.sqrt(np.mean(x**2)) / (np.sqrt(np.mean(wet_signal**2)) + 1e-9)
    return (x + wet * level * wet_signal).astype(np.float32)


def echo(x: Audio, delay: float, feedback: float, wet: float, ping_pong: bool) -> Audio:
    """Up to six repeats, each a little darker."""
    y = x.copy()
    repeat = lowpass(x, 5000, 1)
    step = max(1, int(delay * SAMPLE_RATE))
    for i in range(1, 7):
        gain = wet * feedback ** (i - 1)
        if gain < 0.02 or i * step >= x.shape[1]:
            break
        source = repeat[::-1] if ping_pong and i % 2 else repeat
        y[:, i * step :] += gain * source[:, : -i * step]
    return y


def chorus(x: Audio, rng: np.random.Generator, depth_ms: float = 3.0, mix: float = 0.6) -> Audio:
    """Copies through a slowly moving delay, a different one in each channel."""
    n = x.shape[1]
    t = np.arange(n)
    out = x.copy()
    for channel in range(2):
        rate, phase = rng.uniform(0.15, 1.5), rng.uniform(0, 6.28)
        wave = np.sin(2 * np.pi * rate / SAMPLE_RATE * t + phase)
        delay = (12 + depth_ms * wave) * SAMPLE_RATE / 1000
        out[channel] += mix * np.interp(t - delay, t, x[channel])
    return out


def sweep(x: Audio, rng: np.random.Generator, bpm: float) -> Audio:
    """A resonant low-pass filter that opens and closes in time with the song."""
    frames = {"fs": SAMPLE_RATE, "nperseg": 1024, "noverlap": 768}
    hertz, times, spectrum = stft(x, **frames)
    phase = (times * bpm / 60 / rng.choice([0.5, 1, 2, 4, 8, 16]) + rng.random()) % 1
    curve = [phase, 1 - phase, 0.5 - 0.5 * np.cos(2 * np.pi * phase)][rng.integers(3)]
    closed, opened = np.log2(rng.uniform(80, 400)), np.log2(rng.uniform(1200, 9000))
    octaves = np.log2(np.maximum(hertz, 20))[:, None] - (closed + curve * (opened - closed))
    gain = 1 / np.sqrt(1 + 4.0 ** (rng.uniform(1.5, 4) * octaves))
    gain += rng.uniform(0, 4) * np.exp(-((octaves / 0.25) ** 2))
    return istft(spectrum * gain, **frames)[1][:, : x.shape[1]].astype(np.float32)


def pan(x: Audio, position: float) -> Audio:
    """Balance from -1 (left) to 1 (right), constant power at the centre."""
    angle = (position + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    return x * gains


def width(x: Audio, amount: float) -> Audio:
    """Scale the side signal: 0 is mono, 1 leaves it."""
    mid, side = x.mean(axis=0), (x[0] - x[1]) / 2 * amount
    return np.stack([mid + side, mid - side]).astype(np.float32)


def normalise(x: Audio, rms: float = 0.1) -> Audio:
    """Scale to an RMS level over the loud half of the sound; silence stays silence."""
    power = (x**2).mean(axis=0)
    usable = len(power) // 2048 * 2048
    blocks = np.sort(power[:usable].reshape(-1, 2048).mean(axis=1))
    level = np.sqrt(blocks[len(blocks) // 2 :].mean()) if len(blocks) else 0.0
    return x if level < 1e-6 else (x * (rms / level)).astype(np.float32)


def room(x: Audio, rng: np.random.Generator, chance: float, wettest: float, bpm: float) -> Audio:
    """Perhaps a reverb, perhaps an echo in time with the song."""
    if rng.random() < chance:
        wet = wettest * rng.beta(1.2, 2.5)
        x = reverb(x, rng, wet, rng.uniform(0.25, 2.8), rng.uniform(0, 0.06))
    if rng.random() < chance * 0.3:
        delay = 60 / bpm * rng.choice([0.25, 0.5, 0.75, 1.0])
        x = echo(x, delay, rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.45), rng.random() < 0.5)
    return x
