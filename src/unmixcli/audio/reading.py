"""Open any audio file and read an excerpt of it in blocks.

libsndfile reads most formats. Files that it cannot open (m4a, aac, wma, the
sound of a video) are decoded once, to a temporary file, by the FFmpeg libraries
inside PyAV.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import InputError
from ..files.paths import exists
from ..files.readers import FileView
from ..words import display
from .wholeness import cut_off

Audio = NDArray[np.float32]

BLOCK_SAMPLES = 65536
MAX_CHANNELS = 2
LOWEST_RATE, HIGHEST_RATE = 1000, 1_536_000
"""Sample rates of recordings, in Hz."""

LOUDEST = 1e18
"""Largest accepted sample: the square of a larger one would overflow in the networks."""

log = logging.getLogger("unmixcli")


@dataclass(frozen=True)
class Excerpt:
    """Part of a recording, readable from its start any number of times.

    Attributes
    ----------
    path : Path
        The recording.
    source : Path, file object
        The file for soundfile to open: the recording, or its decoded copy.
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    first, length : int
        First sample and number of samples.
    content : file object, optional
        The bytes of the recording, if it has no path to open.
    """

    path: Path
    source: Any
    sample_rate: int
    channels: int
    first: int
    length: int
    content: BinaryIO | None = None

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return self.length / self.sample_rate

    def blocks(self) -> Iterator[Audio]:
        """Read the excerpt.

        Yields
        ------
        ndarray, shape (channels, samples), float32

        Raises
        ------
        InputError
            If a sample is not finite, or the file is shorter than its header says.
        """
        name = display(self.path)
        with _open(self.source, name) as file:
            _seek(file, self.first, name)
            done = 0
            while done < self.length:
                block = _read(file, min(BLOCK_SAMPLES, self.length - done), name)
                if not len(block):
                    end = (self.first + done) / self.sample_rate
                    raise InputError(
                        f"{name} is damaged: it should be "
                        f"{file.frames / self.sample_rate:.2f} s long but ends after "
                        f"{end:.2f} s; use --duration to separate the part that exists"
                    )
                block = np.ascontiguousarray(block[:, : self.channels].T)
                check_finite(block, self.first + done, self.sample_rate, name)
                done += block.shape[-1]
                yield block


def open_excerpt(
    path: Path,
    start: float = 0.0,
    duration: float = -1.0,
    temp_dir: Path | None = None,
    content: BinaryIO | None = None,
    stream: int = 0,
) -> Excerpt:
    """Open a recording and choose the part of it to read.

    Parameters
    ----------
    path : Path
    start : float
        In seconds.
    duration : float
        In seconds; a negative number means to the end.
    temp_dir : Path, optional
        Folder of the temporary file, if the recording has to be decoded.
    content : file object, optional
        An open file with the recording's bytes; the path is then only its name.
    stream : int
        Which audio stream of a file with several to read.

    Returns
    -------
    Excerpt

    Raises
    ------
    InputError
        If the file does not exist, contains no readable sound, or ends before
        the excerpt starts.
    """
    name = display(path)
    source: Any = content or path
    if content is None:
        refuse_missing(path)
    file = None
    if not stream:  # libsndfile knows only one
        with contextlib.suppress(soundfile.LibsndfileError):
            file = soundfile.SoundFile(os.fsencode(path) if content is None else FileView(content))
    if file is None:
        from .decoding import decode

        source = decode(source, name, temp_dir, stream)
        file = _open(source, name)
    with file:
        rate, channels, total = file.samplerate, file.channels, file.frames
    if reason := cut_off(content or path):
        log.warning("%s is cut off: %s; only what is there is read", name, reason)
    if total <= 0:
        raise InputError(f"{name} is empty: there is nothing to separate")
    if channels > MAX_CHANNELS:
        log.warning("%s has %d channels; only the first two are used", name, channels)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"{name} says that its sample rate is {rate} Hz, which is outside of "
            f"{LOWEST_RATE} to {HIGHEST_RATE} Hz; its header is probably damaged"
        )
    first = math.floor(min(start * rate, total) + 0.5)
    if first >= total:
        raise InputError(f"{name} is {total / rate:.2f} s long, so it cannot start at {start:g} s")
    length = total - first
    if duration >= 0:
        length = math.floor(min(duration * rate, length) + 0.5)
    if length == 0:
        raise InputError(f"a duration of {duration:g} s is less than one sample of {name}")
    return Excerpt(path, source, rate, min(channels, MAX_CHANNELS), first, length, content)


def refuse_missing(path: Path) -> None:
    """Raise `InputError` unless the path is an existing file."""
    if not exists(path):
        raise InputError(f"{display(path)} does not exist")
    if path.is_dir():
        raise InputError(f"{display(path)} is a folder, not a recording")
    if not path.is_file():
        raise InputError(
            f"{display(path)} is a pipe or a device, which can be read only once; "
            "send its sound through standard input, as in … | unmix separate -"
        )


def check_finite(block: Audio, offset: int, sample_rate: int, name: str) -> None:
    """Raise an error that names the first invalid sample, if there is one.

    Parameters
    ----------
    block : ndarray, shape (channels, samples)
    offset : int
        Position of the block's first sample in the recording.
    sample_rate : int
    name : str
        Name of the recording in messages.

    Raises
    ------
    InputError
    """
    if block.min(initial=0) >= -LOUDEST and block.max(initial=0) <= LOUDEST:  # no NaN is
        return
    wrong = np.argwhere(~(np.abs(block) <= LOUDEST))
    channel, sample = min(wrong, key=lambda where: where[1])
    position = offset + int(sample)
    value = block[channel, sample]
    what = f"of {value:.1e} (full scale is 1)" if np.isfinite(value) else "that is not a number"
    raise InputError(
        f"{name} has a sample {what} (channel {channel + 1}, "
        f"sample {position}, at {position / sample_rate:.3f} s); repair the file first"
    )


def _open(source: Any, name: str) -> soundfile.SoundFile:
    try:
        # As bytes: soundfile cannot encode a name that is not UTF-8.
        opened = os.fsencode(source) if isinstance(source, Path) else FileView(source)
        return soundfile.SoundFile(opened)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"{name} can no longer be opened: {_reason(error)}") from None


def _seek(file: soundfile.SoundFile, position: int, name: str) -> None:
    if position:
        try:
            file.seek(position)
        except soundfile.LibsndfileError as error:
            raise InputError(f"{name} is damaged: {_reason(error)}") from None


def _read(file: soundfile.SoundFile, count: int, name: str) -> Audio:
    try:
        block: Audio = file.read(count, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{name} is damaged: {_reason(error)}") from None
    return block


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return text.strip().rstrip(".")
