"""Write stems in blocks under temporary names, then rename them when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import OutputError
from ..files.parts import Part, sweep
from ..words import display
from .aac import AacFile
from .formats import Encoding
from .tags.reading import Tags
from .tags.writing import info_strings, write_tags

Audio = NDArray[np.float32]

_SLICE = 16384
"""Samples handed to an encoder at a time; libsndfile's Vorbis overflows its stack on large ones."""
# A full disk makes soundfile's own check of the number of samples written fail.
_WRITE_ERRORS = (soundfile.LibsndfileError, OSError, AssertionError, av.FFmpegError)


@dataclass(frozen=True)
class Level:
    """The peak of a stem, and how many samples were limited."""

    peak: float
    """Largest absolute sample of the estimate; 1 is full scale."""
    limited: int
    """Number of samples that the format could not hold, limited to full scale."""


@dataclass(frozen=True)
class Shape:
    """Sample rate, channels and length, which all stems of a track share."""

    sample_rate: int
    channels: int
    length: int


class StemWriter:
    """Writes several files together: either all of them appear, or none.

    A context manager: a normal exit gives the files their final names, unless
    `place` has done so already; an error removes them.

    Parameters
    ----------
    paths : sequence of Path
        Final path of each stem; missing folders are created.
    shape : Shape
    encoding : Encoding
    tags : sequence of Tags, optional
        For each stem.
    overwrite : bool or collection of Path
        Replace existing files: all, or these.

    Raises
    ------
    OutputError
        If a file already exists or cannot be written.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shape: Shape,
        encoding: Encoding,
        tags: Sequence[Tags] = (),
        overwrite: bool | Collection[Path] = False,
    ) -> None:
        self._paths = list(paths)
        self._encoding = encoding
        self._tags = list(tags) or [Tags()] * len(self._paths)
        self._replaced = set(paths if overwrite is True else overwrite or ())
        self._peaks = np.zeros(len(self._paths), np.float32)
        self._limited = np.zeros(len(self._paths), np.int64)
        self._parts: list[Part] = []
        self._files: list[soundfile.SoundFile | AacFile] = []
        self._made: list[Path] = []
        self._finished = self._placed = False
        self._pool = ThreadPoolExecutor(min(len(self._paths), os.cpu_count() or 1))
        refuse_existing(self._paths, self._replaced)
        path = self._paths[0]
        try:
            for path, tags_of_it in zip(self._paths, self._tags, strict=True):
                self._make_folder(path.parent)
                sweep(path)
                self._parts.append(Part(path))
                file = _open(self._parts[-1].path, shape, encoding)
                self._files.append(file)
                if encoding.format.name == "wav":
                    for key, value in info_strings(tags_of_it).items():
                        setattr(file, key, value)
        except BaseException as error:  # an interruption, too, must leave nothing behind
            # The cause can be found out only before the clean-up.
            failure = self._failure(path, error) if isinstance(error, _WRITE_ERRORS) else None
            self._discard()
            if failure is not None:
                raise failure from None
            raise

    @property
    def levels(self) -> list[Level]:
        """The level of each stem so far."""
        return [
            Level(float(peak), int(limited))
            for peak, limited in zip(self._peaks, self._limited, strict=True)
        ]

    @property
    def parts(self) -> dict[Path, Path]:
        """The final path of each stem, and its temporary path."""
        return {path: part.path for path, part in zip(self._paths, self._parts, strict=True)}

    def write(self, block: Audio) -> None:
        """Append to every stem; shape (stems, channels, samples)."""
        # Encoding mp3 or opus takes longer than separating, so each stem gets a thread.
        for written in [
            self._pool.submit(self._write_one, k, stem) for k, stem in enumerate(block)
        ]:
            written.result()

    def _write_one(self, k: int, stem: Audio) -> None:
        size = peak_of(stem)
        self._peaks[k] = max(self._peaks[k], size)
        if size > 1 and self._encoding.clip != "none":
            self._limited[k] += np.count_nonzero(np.abs(stem) > 1)
            stem = np.clip(stem, -1, 1)
        try:
            for first in range(0, stem.shape[-1], _SLICE):
                samples = _encodable(stem[:, first : first + _SLICE], self._encoding.bit_depth)
                self._files[k].write(np.ascontiguousarray(samples.T))
        except _WRITE_ERRORS as error:
            raise self._failure(self._paths[k], error) from None

    def finish(self) -> None:
        """Complete the files, still under their temporary names.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        if not self._finished:
            for k, path in enumerate(self._paths):
                try:
                    self._files[k].close()
                    write_tags(self._parts[k].path, self._encoding.format.name, self._tags[k])
                    self._parts[k].sync()
                except _WRITE_ERRORS as error:
                    raise self._failure(path, error) from None
        self._finished = True

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
        try:
            self.finish()
            self.place()
        except BaseException:
            self._discard()
            raise
        self._pool.shutdown()
        for part in self._parts:
            part.release()

    def place(self) -> None:
        """Give the finished files their final names.

        Raises
        ------
        OutputError
            If a file cannot be renamed; then none is.
        """
        if self._placed:
            return
        self.finish()
        path = self._paths[0]
        placed: list[Path] = []
        try:
            for path, part in zip(self._paths, self._parts, strict=True):
                part.put(path, path in self._replaced)
                placed.append(path)
        except BaseException as error:
            for done in placed:  # do not leave the user without the file that was replaced
                if done not in self._replaced:
                    done.unlink(missing_ok=True)
            if isinstance(error, _WRITE_ERRORS):
                raise self._failure(path, error) from None
            raise
        self._placed = True

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _discard(self) -> None:
        """Remove the files and the folders that were created for them."""
        self._pool.shutdown(cancel_futures=True)
        for file in self._files:
            with contextlib.suppress(*_WRITE_ERRORS):
                file.close()
        for part in self._parts:
            part.discard()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _failure(self, path: Path, error: BaseException) -> OutputError:
        """Put an error into words; libsndfile hides the cause, so try the disk itself."""
        name = display(path)
        if isinstance(error, FileExistsError):
            return OutputError(f"{name} appeared during the separation; it was not replaced")
        number = getattr(error, "errno", None) or _probe(path.parent)
        if number in (errno.ENOSPC, errno.EDQUOT):
            return OutputError(
                f"{name} cannot be written: the disk is full; nothing was kept, "
                "free some space or choose another folder with --outdir"
            )
        if number in (errno.EMFILE, errno.ENFILE):
            return OutputError(
                f"{name} cannot be written: too many files are open; raise the limit, as with "
                "ulimit -n 1024"
            )
        if number is not None:
            reason = os.strerror(number)
        else:
            reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        return OutputError(
            f"{name} cannot be written: {reason}; choose another folder with --outdir"
        )


def _open(path: Path, shape: Shape, encoding: Encoding) -> soundfile.SoundFile | AacFile:
    rate, channels = shape.sample_rate, shape.channels
    if encoding.format.name == "m4a":
        return AacFile(path, rate, channels, encoding.aac_rate(channels))
    options = encoding.file_options(rate, channels, shape.length)
    # As bytes: soundfile cannot encode a name that is not UTF-8.
    return soundfile.SoundFile(os.fsencode(path), "w", rate, channels, **options)


def refuse_existing(paths: Sequence[Path], replaced: Iterable[Path] = (), reason: str = "") -> None:
    """Raise `OutputError` if a file exists that must not be replaced.

    Parameters
    ----------
    paths : sequence of Path
    replaced : iterable of Path
        Files that may be replaced.
    reason : str
        Why the existing files are not good enough, if known.
    """
    allowed = set(replaced)
    there = [path for path in paths if path.exists() or path.is_symlink()]
    there = [path for path in there if path not in allowed]
    if there:
        more = len(there) - 1
        others = f" and {more} other file{'s' if more > 1 else ''}" if more else ""
        verb = "exist" if more else "exists"
        raise OutputError(
            f"{display(there[0])}{others} already {verb}{reason and f', {reason}'}; "
            "use --overwrite to replace, or --outdir to write elsewhere"
        )


def peak_of(block: Audio) -> float:
    """Return the largest absolute sample."""
    return max(abs(float(block.max(initial=0))), abs(float(block.min(initial=0))))


def _encodable(stem: Audio, bit_depth: str) -> NDArray[Any]:
    """Convert samples within full scale to the sample type of the file.

    Integers are rounded here, because libsndfile multiplies by a smaller
    factor when it writes than it divides by when it reads: a stem would come
    back softer.
    """
    if bit_depth in ("", "32f"):
        return stem
    bits = int(bit_depth)
    top = 2 ** (bits - 1)
    whole = np.rint(stem * np.float64(top))
    np.clip(whole, -top, top - 1, out=whole)
    if bits == 16:
        return whole.astype(np.int16)
    return whole.astype(np.int32) << (32 - bits)


def _probe(folder: Path) -> int | None:
    """Write a small file beside the stems to find out the cause of an error."""
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
