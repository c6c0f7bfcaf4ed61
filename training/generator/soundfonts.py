"""General MIDI instruments through fluidsynth, at the sample rate of the songs."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from . import SAMPLE_RATE
from .song import Note

# Both are MIT; the third soundfont that Debian has (TimGM6mb) is GPL and stays out.
FONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
)
DRUM_BANK = 128
DRUM_KITS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 24, 25,
             32, 33, 34, 35, 36, 40, 41, 42)  # fmt: skip
BLOCK = 64  # samples; what the synthesiser works in

Pointer = ctypes.c_void_p

Control = tuple[float, int]
"""A pitch bend: a time in seconds and a value from -8192 to 8191 (two semitones each way)."""


def available_fonts() -> list[Path]:
    """The soundfonts that this machine has.

    Raises
    ------
    FileNotFoundError
        With none of them installed.
    """
    fonts = [font for font in FONTS if font.exists()]
    if not fonts:
        raise FileNotFoundError(
            "No soundfont found. Install them: "
            "apt install fluid-soundfont-gm musescore-general-soundfont"
        )
    return fonts


@cache
def _library() -> ctypes.CDLL:
    """The fluidsynth library itself: the Python package cannot share a font between synthesisers,
    and gives 16-bit samples only, with a dither that differs every time.
    """
    import fluidsynth

    library = fluidsynth._fl
    for name in ("fluid_synth_get_sfont", "new_fluid_synth", "new_fluid_settings"):
        getattr(library, name).restype = ctypes.c_void_p
    for level in (2, 3):  # warnings, and worse news that is none
        library.fluid_set_log_function(level, None, None)
    return library


@cache
def _font(path: Path) -> Pointer:
    """A soundfont, loaded once a process by a synthesiser that lives as long."""
    library = _library()
    synth, _ = _new_synth()
    if library.fluid_synth_sfload(synth, str(path).encode(), 0) < 0:
        raise OSError(f"fluidsynth cannot read {path}")
    return Pointer(library.fluid_synth_get_sfont(synth, 0))


def _new_synth() -> tuple[Pointer, Pointer]:
    library = _library()
    settings = Pointer(library.new_fluid_settings())
    library.fluid_settings_setnum(settings, b"synth.sample-rate", ctypes.c_double(SAMPLE_RATE))
    library.fluid_settings_setnum(settings, b"synth.gain", ctypes.c_double(0.35))
    for name in (b"synth.reverb.active", b"synth.chorus.active"):
        library.fluid_settings_setint(settings, name, 0)
    return Pointer(library.new_fluid_synth(settings)), settings


@contextmanager
def _synth(path: Path, channel: int, bank: int, program: int) -> Iterator[Pointer]:
    """A fresh synthesiser on one instrument: no trace of what was played before."""
    library, font = _library(), _font(path)
    synth, settings = _new_synth()
    try:
        number = library.fluid_synth_add_sfont(synth, font)
        library.fluid_synth_program_select(synth, channel, number, bank, program)
        yield synth
    finally:
        library.fluid_synth_remove_sfont(synth, font)
        library.delete_fluid_synth(synth)
        library.delete_fluid_settings(settings)


def render_notes(
    notes: list[Note],
    seconds: float,
    program: int,
    *,
    bank: int = 0,
    font: int = 0,
    bends: list[Control] = (),
) -> np.ndarray:
    """Play notes on one instrument.

    Parameters
    ----------
    program, bank : int
        The General MIDI program; bank 128 holds the drum kits.
    font : int
        Which soundfont, counted among those installed.
    bends : list of (seconds, value)
        Pitch bends for all notes, -8192 to 8191 for two semitones down to up.

    Returns
    -------
    ndarray, shape (2, samples), float32
    """
    fonts = available_fonts()
    samples = -(-round(seconds * SAMPLE_RATE) // BLOCK) * BLOCK
    channel = 9 if bank == DRUM_BANK else 0
    events: list[tuple[int, int, int, int]] = []
    for note in notes:
        start = round(note.start * SAMPLE_RATE)
        end = min(start + max(64, round(note.length * SAMPLE_RATE)), samples - 1)
        if 0 <= start < samples - 64:
            events.append((start, 2, int(note.pitch), int(note.velocity)))
            events.append((end, 0, int(note.pitch), 0))
    events += [(round(time * SAMPLE_RATE), 1, value, 0) for time, value in bends]
    events.sort()
    audio = np.zeros((2, samples), np.float32)
    with _synth(fonts[font % len(fonts)], channel, bank, program) as synth:
        _play(synth, channel, events, audio)
    return audio[:, : round(seconds * SAMPLE_RATE)]


def _play(
    synth: Pointer, channel: int, events: list[tuple[int, int, int, int]], out: np.ndarray
) -> None:
    """Send (sample, kind, value, velocity) at their times and fill `out` with what sounds."""
    library = _library()
    position = 0

    def advance(to: int) -> None:
        left, right = (Pointer(part.ctypes.data) for part in out[:, position:to])
        library.fluid_synth_write_float(synth, to - position, left, 0, 1, right, 0, 1)

    for when, kind, value, velocity in events:
        block = min(when // BLOCK * BLOCK, out.shape[1])
        if block > position:
            advance(block)
            position = block
        if kind == 2:
            library.fluid_synth_noteon(synth, channel, value, velocity)
        elif kind == 1:
            library.fluid_synth_pitch_bend(synth, channel, value + 8192)
        else:
            library.fluid_synth_noteoff(synth, channel, value)
    if position < out.shape[1]:
        advance(out.shape[1])
