"""Draw all stems of a track on common scales, so that they can be compared."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..audio.reading import Excerpt
from .colours import hue_of, ramp
from .png import encode_png
from .spectrogram import Spectrogram, shades
from .waveform import Waveform, outline

COLUMNS = 900
ROWS = 112
_LEVELS = 48


@dataclass(frozen=True)
class Picture:
    """The pictures of one stem."""

    columns: int
    peaks: str
    """The outline of its peaks; see `outline`."""
    loudness: str
    light: str
    """The spectrogram on a light background, as a data URI."""
    dark: str


def draw(recordings: Mapping[str, Excerpt]) -> dict[str, Picture]:
    """Draw each recording; read it once, in blocks."""
    waves, powers = {}, {}
    for name, recording in recordings.items():
        length = recording.length
        wave = Waveform(length, COLUMNS)
        spectrogram = Spectrogram(length, recording.sample_rate, COLUMNS, ROWS)
        for block in recording.blocks():
            wave.add(block)
            spectrogram.add(block)
        waves[name], powers[name] = wave, spectrogram.finish()
    # One click must not flatten the rest of the track.
    highest = 1.1 * max(float(np.quantile(wave.peaks, 0.99)) for wave in waves.values())
    loudest = max(float(power.max()) for power in powers.values())
    pictures = {}
    for number, (name, wave) in enumerate(waves.items()):
        pixels = shades(powers[name], loudest, _LEVELS)
        light, dark = (
            base64.b64encode(encode_png(pixels, ramp(hue_of(number), dark, _LEVELS))).decode()
            for dark in (False, True)
        )
        pictures[name] = Picture(
            len(wave.peaks),
            outline(wave.peaks, highest),
            outline(wave.loudness, highest),
            f"data:image/png;base64,{light}",
            f"data:image/png;base64,{dark}",
        )
    return pictures
