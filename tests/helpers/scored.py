"""Tracks with true and estimated stems, to be scored."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from sounds import music

RATE = 8000
TARGETS = ("bass", "drums", "vocals")


def write(folder: Path, stems: dict[str, np.ndarray], rate: int = RATE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in stems.items():
        soundfile.write(folder / f"{name}.wav", audio, rate, "DOUBLE")
    return folder


def track(seed: int, seconds: float = 2.5, channels: int = 1) -> tuple[dict, dict]:
    """True stems and estimates that leak, miss and rustle; few, for museval takes its time."""
    random = np.random.default_rng(seed)
    true = {name: music(seconds, RATE, channels, 10 * seed + k) for k, name in enumerate(TARGETS)}
    true = {name: audio * random.uniform(0.3, 1) for name, audio in true.items()}
    true["vocals"][RATE : 2 * RATE] = 0  # one silent second
    estimates = {
        name: 0.8 * audio
        + 0.1 * np.roll(true["drums" if name != "drums" else "bass"], 3, axis=0)
        + 0.02 * random.standard_normal(audio.shape)
        for name, audio in true.items()
    }
    return true, estimates


@pytest.fixture(scope="module")
def museval() -> ModuleType:
    """The package as it is published; of what it imports, musdb asks for an ffmpeg program."""
    pytest.importorskip("scipy")
    sys.modules.setdefault("musdb", ModuleType("musdb"))
    return pytest.importorskip("museval", reason="needs museval")
