"""Stems on disk: written in blocks under a temporary name, then put in place whole."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..display import display
from ..errors import OutputError, UsageError

Audio = NDArray[np.float32]

_SLICE = 16384
"""Samples handed to an encoder at a time; libsndfile's Vorbis overflows its stack on large ones."""
_WAV_LIMIT = 4_000_000_000
# A full disk makes soundfile's own check of the number of samples written fail.
_WRITE_ERRORS = (soundfile.LibsndfileError, OSError, AssertionError)


@dataclass(frozen=True)
class Format:
    """A file format that stems can be written in.

    Attributes
    ----------
    extension : str
    container, encoding : str
        libsndfile's names.
    full_scale : bool
        Whether samples beyond full scale have to be limited.
    sample_bytes : int
        Bytes a sample at most.
    """

    extension: str
    container: str
    encoding: str
    full_scale: bool
    sample_bytes: int


FORMATS = {
    "wav": Format("wav", "WAV", "FLOAT", False, 4),
    "flac": Format("flac", "FLAC", "PCM_24", True, 3),
    "ogg": Format("ogg", "OGG", "VORBIS", True, 1),
    "mp3": Format("mp3", "MP3", "MPEG_LAYER_III", True, 1),
}


def format_of(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    UsageError
        If stems cannot be written in it.
    """
    try:
        return FORMATS[name.lower().lstrip(".")]
    except KeyError:
        raise UsageError(
            f"stems cannot be written as {name!r}, only as {', '.join(FORMATS)}"
        ) from None


@dataclass(frozen=True)
class Level:
    """What became of a stem's samples."""

    peak: float
    """Largest absolute sample, 1 being full scale."""
    limited: int
    """Samples that the format could not hold and that were limited to full scale."""


class StemWriter:
    """Files that grow together and appear together, or not at all.

    A context manager: on leaving it normally the files take their final
    names; on an error they vanish.

    Parameters
    ----------
    paths : sequence of Path
        Where each stem goes; the folder is made if need be.
    sample_rate, channels, length : int
        Of every stem.
    format : Format
    overwrite : bool
        Replace files that exist.

    Raises
    ------
    OutputError
        If a file exists already, or cannot be written.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sample_rate: int,
        channels: int,
        length: int,
        format: Format,
        overwrite: bool = False,
    ) -> None:
        self._paths = list(paths)
        self._format = format
        self._overwrite = overwrite
        self._peaks = np.zeros(len(self._paths), np.float32)
        self._limited = np.zeros(len(self._paths), np.int64)
        self._parts: list[Path] = []
        self._files: list[soundfile.SoundFile] = []
        self._made: list[Path] = []
        refuse_existing(self._paths, overwrite)
        container = format.container
        if container == "WAV" and length * channels * format.sample_bytes > _WAV_LIMIT:
            container = "RF64"
        try:
            for path in self._paths:
                self._make_folder(path.parent)
                part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
                self._parts.append(part)
                self._files.append(
                    soundfile.SoundFile(
                        part, "x", sample_rate, channels, format.encoding, format=container
                    )
                )
        except BaseException as error:  # an interruption, too, must leave nothing behind
            self._discard()
            if isinstance(error, _WRITE_ERRORS):
                raise self._failure(path, error) from None
            raise

    @property
    def levels(self) -> list[Level]:
        """What became of each stem's samples so far."""
        return [
            Level(float(peak), int(limited))
            for peak, limited in zip(self._peaks, self._limited, strict=True)
        ]

    def write(self, block: Audio) -> None:
        """Append to every stem; shape (stems, channels, samples)."""
        for k, (stem, file) in enumerate(zip(block, self._files, strict=True)):
            size = max(abs(float(stem.max(initial=0))), abs(float(stem.min(initial=0))))
            self._peaks[k] = max(self._peaks[k], size)
            if size > 1 and self._format.full_scale:
                self._limited[k] += np.count_nonzero(np.abs(stem) > 1)
                stem = np.clip(stem, -1, 1)
            try:
                for first in range(0, stem.shape[-1], _SLICE):
                    file.write(np.ascontiguousarray(stem[:, first : first + _SLICE].T))
            except _WRITE_ERRORS as error:
                raise self._failure(self._paths[k], error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._discard()
            return
        path = self._paths[0]
        try:
            for path, file in zip(self._paths, self._files, strict=True):
                file.close()
            for path, part in zip(self._paths, self._parts, strict=True):
                _put(part, path, self._overwrite)
        except _WRITE_ERRORS as failure:
            self._discard()
            raise self._failure(path, failure) from None

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _discard(self) -> None:
        """Leave nothing behind: neither files nor folders that were made for them."""
        for file in self._files:
            with contextlib.suppress(*_WRITE_ERRORS):
                file.close()
        for part in self._parts:
            part.unlink(missing_ok=True)
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _failure(self, path: Path, error: Exception) -> OutputError:
        """Put an error into words; libsndfile hides why, so the disk is asked."""
        name = display(path)
        if isinstance(error, FileExistsError):
            return OutputError(f"{name} appeared while it was being made; it was left as it is")
        number = getattr(error, "errno", None) or _probe(path.parent)
        if number in (errno.ENOSPC, errno.EDQUOT):
            return OutputError(
                f"{name} cannot be written: the disk is full; nothing was kept, "
                "make room or choose another folder with --outdir"
            )
        if number is not None:
            reason = os.strerror(number)
        else:
            reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        return OutputError(
            f"{name} cannot be written: {reason}; choose another folder with --outdir"
        )


def refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise `OutputError` if a file is there that must not be replaced."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there and not overwrite:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise OutputError(
            f"{display(there[0])}{others} exists already; "
            "use --overwrite to replace, or --outdir to write elsewhere"
        )


def _probe(folder: Path) -> int | None:
    """Write a little beside the stems to learn what the system objects to."""
    probe = folder / f".unmix-{secrets.token_hex(4)}.part"
    try:
        with probe.open("xb") as file:
            file.write(bytes(2**20))
    except OSError as error:
        return error.errno
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def _put(part: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file its final name, without replacing one that came in between."""
    if overwrite:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        part.rename(path)
    else:
        part.unlink()
