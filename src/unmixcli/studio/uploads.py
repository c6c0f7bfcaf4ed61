"""Recordings on their way into the library: streamed to disk, bounded, then looked at."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import secrets
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool

from ..audio.reading import open_excerpt
from ..audio.tags import read_tags
from ..errors import InputError, OutputError, UnmixError
from ..files.portable import portable
from ..words import plain
from .library import Library
from .records import Song

LARGEST = 4 * 2**30
"""Bytes of one recording."""
AT_ONCE = 8
"""Uploads at the same time."""
SONGS = 20_000
"""Songs in a library."""
RESERVE = 500 * 2**20
"""Bytes of the disk that uploads leave free."""
_CHUNK = 2**20
_LONGEST = 80
"""Characters of a name."""
_PICTURES = frozenset(("image/jpeg", "image/png", "image/webp", "image/gif"))


class TooLargeError(UnmixError):
    """An upload is larger than allowed."""


class FullError(UnmixError):
    """The disk or the library has no room."""


@dataclass(frozen=True)
class Upload:
    """A file that has arrived."""

    path: Path
    size: int
    sha256: str


async def receive(
    chunks: AsyncIterator[bytes], folder: Path, announced: int | None, most: int = LARGEST
) -> Upload:
    """Write an upload to disk.

    Parameters
    ----------
    chunks : async iterator of bytes
    folder : Path
    announced : int or None
        Its length, if the client says it.
    most : int
        Bytes that it may have.

    Raises
    ------
    TooLargeError, FullError
        Nothing is kept.
    InputError
        If it is empty or cut off.
    """
    if announced is not None and announced > most:
        raise _too_large(most)
    path = folder / f"{secrets.token_hex(8)}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("xb") as file:
            pending = bytearray()

            def write() -> None:
                if shutil.disk_usage(folder).free < RESERVE + len(pending):
                    raise OSError(errno.ENOSPC, "full")
                digest.update(pending)
                file.write(pending)
                pending.clear()

            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                pending += chunk
                if len(pending) >= _CHUNK:
                    await run_in_threadpool(write)
            await run_in_threadpool(write)
        if not size:
            raise InputError("the file is empty")
        return Upload(path, size, digest.hexdigest())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise FullError("the disk is full: free some space and add it again") from None
            raise OutputError(f"the library cannot be written: {error.strerror}") from None
        raise


def admit(library: Library, upload: Upload, name: str) -> tuple[Song, bool]:
    """Take an upload into the library.

    Parameters
    ----------
    library : Library
    upload : Upload
        Its file is gone afterwards.
    name : str
        The name that the client gives it; never used as a path.

    Returns
    -------
    song : Song
        The one with the same bytes, if there is one.
    is_new : bool

    Raises
    ------
    InputError
        If it is no recording.
    FullError
        If the library has too many songs.
    """
    try:
        if twin := library.twin(upload.sha256):
            return twin, False
        if library.songs(most=0)[0] >= SONGS:
            raise FullError(f"the library has {SONGS} songs, which is the most; remove some")
        shown, file = plain(name, 200) or "recording", safe_name(name)
        with upload.path.open("rb") as content:
            seconds = open_excerpt(Path(file), content=content).seconds
        tags = read_tags(upload.path)
        texts, cover = tags.texts, tags.cover
        picture = cover if cover and cover.mime in _PICTURES else None
        song = Song(
            secrets.token_hex(8),
            shown,
            plain(texts.get("title", ""), 300) or PurePosixPath(file).stem,
            plain(texts.get("artist") or texts.get("albumartist", ""), 300),
            plain(texts.get("album", ""), 300),
            seconds,
            upload.size,
            upload.sha256,
            _make_folder(library.root, PurePosixPath(file).stem),
            file,
            picture.mime if picture else "",
            time.time(),
        )
        recording = library.recording(song)
        upload.path.replace(recording)
        try:
            library.add_song(song, picture.data if picture else None)
        except sqlite3.IntegrityError:  # the same file came twice at the same time
            recording.unlink()
            recording.parent.rmdir()
            if twin := library.twin(upload.sha256):
                return twin, False
            raise
        return song, True
    finally:
        with contextlib.suppress(OSError):
            upload.path.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    r"""Turn a client's name for a file into a plain one, without folders.

    >>> safe_name("../../etc/a.wav"), safe_name("C:\\x\\b .mp3"), safe_name("..")
    ('a.wav', 'b.mp3', 'recording')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c if c.isprintable() and c not in "{}" else "_" for c in last)
    clean = clean.encode("utf-8", "replace").decode()  # half a surrogate is no character
    stem, dot, suffix = clean.strip(" .").rpartition(".")
    if not dot or not stem or not (suffix.isascii() and suffix.isalnum() and len(suffix) <= 5):
        stem, suffix = clean.strip(" ."), ""
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    stem = portable(stem.strip(" .")).strip() if stem.strip(" .") else "recording"
    return f"{stem}.{suffix}" if suffix else stem


def _make_folder(root: Path, name: str) -> str:
    """Make a folder that no song has."""
    number = 1
    while True:
        folder = name if number == 1 else f"{name} ({number})"
        try:
            (root / folder).mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutputError(f"the library cannot be written: {error.strerror}") from None
        else:
            return folder


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"the file is larger than {most / 2**30:g} GB, the most that is taken")
