"""Recordings for tests, in many formats and states of repair."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile


def music(seconds: float = 1.0, rate: int = 44100, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Tones and noise with an envelope, shape (samples, channels), float32 below full scale."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(
        np.sin(2 * np.pi * frequency * time + random.uniform(0, 6))[:, None]
        * random.uniform(0.02, 0.1, channels)
        for frequency in (110, 220, 523, 1200, 3100)
        if frequency < rate / 2
    )
    beats = np.exp(-8 * (time % 0.5))[:, None] * random.normal(0, 0.1, (len(time), channels))
    return (tones + beats).clip(-1, 1).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int = 44100, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def write_float(path: Path, samples: np.ndarray, rate: int = 44100) -> Path:
    return write(path, samples, rate, "FLOAT")


def write_aac(path: Path, samples: np.ndarray, rate: int = 44100) -> Path:
    """An m4a or mp4 file, which libsndfile cannot open."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.layout = "stereo" if samples.shape[1] == 2 else "mono"
        planes = np.ascontiguousarray(samples.T)
        for first in range(0, planes.shape[1], 1024):
            part = np.ascontiguousarray(planes[:, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=stream.layout.name)
            frame.sample_rate = rate
            frame.pts = first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
