"""Decode files that libsndfile cannot open, with the FFmpeg libraries in PyAV's wheels."""

from __future__ import annotations

import struct
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import soundfile

from ..errors import InputError, SpoolError
from ..files.readers import FileView
from ..files.scratch import open_scratch, scratch_error


def decode(
    source: Path | BinaryIO, name: str, temp_dir: Path | None = None, stream: int = 0
) -> BinaryIO:
    """Decode an audio stream of a file to a temporary wave file.

    A recording is read more than once, and its length is known only at its
    end, so it is decoded once, in blocks.

    Parameters
    ----------
    source : Path or file object
    name : str
        Name of the recording in messages.
    temp_dir : Path, optional
        Folder of the temporary file; see `open_scratch`.
    stream : int
        Which of its audio streams.

    Returns
    -------
    file object
        A nameless temporary file: 32-bit float, the stream's rate and channels.

    Raises
    ------
    InputError
        If the file has no audio that can be decoded.
    """
    with ExitStack() as stack:
        try:
            # Opened here: PyAV cannot encode a name that is not UTF-8.
            opened = stack.enter_context(source.open("rb")) if isinstance(source, Path) else None
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from None
        try:
            view = opened or FileView(cast(BinaryIO, source))
            clock = _clock_of(cast(BinaryIO, view))
            container = stack.enter_context(av.open(view, "r", metadata_errors="ignore"))
        except (av.FFmpegError, OSError, ValueError):
            raise InputError(f"{name} cannot be read: it is in no known audio format") from None
        if len(container.streams.audio) <= stream:
            raise InputError(f"{name} contains no sound" + (f" {stream + 1}" if stream else ""))
        chosen = container.streams.audio[stream]
        file = stack.enter_context(open_scratch(temp_dir))
        try:
            _decode(container, chosen, file, name, clock)
        except (InputError, SpoolError, MemoryError):
            raise
        except Exception:  # PyAV has many ways to say that it does not know a codec
            raise InputError(
                f"{name} has sound in a format that cannot be decoded, or is damaged"
            ) from None
        stack.pop_all()
        container.close()
        if opened is not None:
            opened.close()
        return file


def _decode(
    container: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    file: BinaryIO,
    name: str,
    clock: int,
) -> None:
    rate, channels = stream.rate, stream.channels
    if not rate or not channels:
        raise InputError(f"{name} contains sound that cannot be decoded")
    # The last frame of AAC is filled up; the track's length in the file says by how much.
    length = _length_of(stream, clock)
    converter = av.AudioResampler(format="flt", layout=stream.layout, rate=rate)
    # RF64 is WAV without the limit of 4 GB.
    with soundfile.SoundFile(file, "w", rate, channels, "FLOAT", format="RF64") as out:
        frames = container.decode(stream)
        while True:
            try:
                frame = next(frames, None)
            except av.FFmpegError as error:
                raise InputError(f"{name} is damaged: {error.strerror}") from None
            try:
                for converted in converter.resample(frame):
                    samples = converted.to_ndarray().reshape(-1, channels)
                    samples = samples[: max(0, (length or sys.maxsize) - out.frames)]
                    out.write(samples.astype(np.float32, copy=False))
            # A full disk makes soundfile's own check of what it wrote fail.
            except (OSError, AssertionError, soundfile.LibsndfileError) as error:
                raise scratch_error(error) from None
            if frame is None:
                return


def _length_of(stream: av.audio.stream.AudioStream, clock: int) -> int | None:
    """Return the number of samples that an MP4 says it has, if its clock counts samples.

    Most programs round the length to milliseconds, so that it may be a little too short.
    """
    if not clock or clock % stream.rate or not stream.duration or stream.time_base is None:
        return None
    return round(stream.duration * stream.time_base * stream.rate)


def _clock_of(file: BinaryIO) -> int:
    """Return the ticks per second in which an MP4 gives its length; 0 for other files.

    They are in the header of the movie (ISO/IEC 14496-12, 8.2.2).
    """
    file.seek(0)
    try:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"moov":
                header = file.read(32)
                at = 28 if header[8:9] == b"\1" else 20
                return int.from_bytes(header[at : at + 4], "big") if header[4:8] == b"mvhd" else 0
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8 or not kind.isalnum():
                return 0
            file.seek(size - 8, 1)
        return 0
    finally:
        file.seek(0)
