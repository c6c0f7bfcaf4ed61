"""Draw the lanes of a track so that they can be compared."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from .colours import MIXTURE, Hue, hue_of, ramp
from .lanes import Lane
from .png import encode_png
from .spectrogram import Spectrogram, shades
from .waveform import Waveform, outline

COLUMNS = 1400
ROWS = 112
_LEVELS = 48
_FACTORS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 300, 500, 1000)
"""Enlargements of a waveform."""


@dataclass(frozen=True)
class Picture:
    """The pictures of one lane."""

    columns: int
    factor: float
    """How many times its waveform is enlarged, relative to the loudest lane."""
    scale: float
    """Half the height per full scale of its sound."""
    peaks: str
    """The outline of its peaks; see `outline`."""
    loudness: str
    light: str
    """The spectrogram on a light background, as a data URI."""
    dark: str


class Sketch:
    """A lane while it is being read."""

    def __init__(self, lane: Lane) -> None:
        self.wave = Waveform(lane.length, COLUMNS)
        self.spectrogram = Spectrogram(lane.length, lane.rate, COLUMNS, ROWS)
        self.left = lane.length
        self._blocks = lane.blocks()

    def step(self) -> None:
        """Read the next block."""
        block = next(self._blocks, None)
        if block is not None:
            self.wave.add(block)
            self.spectrogram.add(block)
            self.left -= block.shape[-1]


def draw(
    stems: Sequence[Lane],
    mixture: Lane | None,
    pool: Executor,
    progress: Callable[[float], None],
) -> tuple[list[Picture], Picture | None]:
    """Draw the stems and the mixture; read each once, in blocks.

    Spectrograms have one scale for all lanes. A quiet waveform is enlarged, by a factor
    that the page shows.

    Parameters
    ----------
    stems : sequence of Lane
    mixture : Lane or None
    pool : Executor
        Runs the lanes beside each other.
    progress : callable
        Takes the fraction done, 0 to 1.
    """
    lanes = [*stems, *([mixture] if mixture else [])]
    sketches = [Sketch(lane) for lane in lanes]
    total = sum(sketch.left for sketch in sketches)
    while left := sum(sketch.left for sketch in sketches):
        list(pool.map(Sketch.step, sketches))
        progress(1 - left / total)
    powers = [sketch.spectrogram.finish() for sketch in sketches]
    # One click must not flatten the rest of the track.
    highest = [float(np.quantile(sketch.wave.peaks, 0.99)) for sketch in sketches]
    loudest = max(float(power.max()) for power in powers)
    hues = [*(hue_of(number) for number in range(len(stems))), MIXTURE]
    pictures = []
    for sketch, power, peak, hue in zip(sketches, powers, highest, hues, strict=False):
        factor = enlargement(peak, max(highest))
        full = 1.1 * max(highest) / factor
        pixels = shades(power, loudest, _LEVELS)
        pictures.append(
            Picture(
                len(sketch.wave.peaks),
                factor,
                1 / full if full else 1.0,
                outline(sketch.wave.peaks, full),
                outline(sketch.wave.loudness, full),
                *_uris(pixels, hue),
            )
        )
    return pictures[: len(stems)], pictures[-1] if mixture else None


def enlargement(peak: float, highest: float) -> float:
    """Return by which factor to enlarge a waveform, which then still fits its lane.

    A lane 60 dB below the loudest is silent, and stays a flat line.
    """
    if peak <= highest / 1000:
        return 1
    return max(factor for factor in _FACTORS if factor * peak <= highest)


def _uris(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], hue: Hue) -> Iterator[str]:
    for dark in (False, True):
        data = base64.b64encode(encode_png(pixels, ramp(hue, dark, _LEVELS))).decode()
        yield f"data:image/png;base64,{data}"
