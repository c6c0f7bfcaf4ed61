"""Decoding by FFmpeg's libraries, from PyAV's wheels, for what libsndfile cannot open."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile

from ..errors import InputError
from ..files.readers import FileView
from ..files.scratch import open_scratch, scratch_error


def decode(source: Path | BinaryIO, name: str, temp_dir: Path | None = None) -> BinaryIO:
    """Decode the first audio stream of a file to a temporary wave file.

    Its length is known only at the end, and it is read more than once, so it
    is decoded once, in blocks.

    Parameters
    ----------
    source : Path or file object
    name : str
        What to call the recording in messages.
    temp_dir : Path, optional
        Where the temporary file goes, see `open_scratch`.

    Returns
    -------
    file object
        A nameless temporary file: 32-bit float, the stream's rate and channels.

    Raises
    ------
    InputError
        If the file has no audio that can be decoded.
    """
    try:
        file_or_name = str(source) if isinstance(source, Path) else FileView(source)
        container = av.open(file_or_name, "r", metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError):
        raise InputError(
            f"{name} is not a recording that can be read: no known audio format was found in it"
        ) from None
    with container:
        if not container.streams.audio:
            raise InputError(f"{name} has no sound in it")
        stream = container.streams.audio[0]
        file = open_scratch(temp_dir)
        try:
            return _decode(container, stream, file, name)
        except BaseException:
            file.close()
            raise


def _decode(
    container: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    file: BinaryIO,
    name: str,
) -> BinaryIO:
    rate, channels = stream.rate, stream.channels
    if not rate or not channels:
        raise InputError(f"{name} has sound of a kind that cannot be decoded")
    converter = av.AudioResampler(format="flt", layout=stream.layout, rate=rate)
    # RF64 is WAV without its limit of 4 GB.
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
                    out.write(samples.astype(np.float32, copy=False))
            except OSError as error:
                raise scratch_error(error) from None
            if frame is None:
                return file
