"""Write files atomically, and lock them against other processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout

from ...errors import ModelError


class Cancelled(Exception):
    """Raised in workers after the caller cancelled."""


def place(part: Path, final: Path) -> None:
    """Give a finished file its name, atomically and safe from a power cut."""
    part.replace(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Write the folder's entries to the disk, if the system supports that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders, and its renames do not need this
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def write_small(path: Path, content: str) -> None:
    """Write a small text file atomically."""
    part = path.with_name(f"{path.name}.new")
    with part.open("w", encoding="ascii", newline="\n") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    place(part, path)


@contextmanager
def locked(path: Path, on_wait: Callable[[], None], cancelled: Event) -> Iterator[None]:
    """Hold a lock that is freed when its process dies.

    Parameters
    ----------
    path : Path
        The lock file. It is never removed: otherwise two processes could lock two files.
    on_wait : callable
        Called once if another process holds the lock.
    cancelled : Event
        Set to stop waiting.
    """
    lock = FileLock(path)
    waited = False
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            if cancelled.is_set():
                raise Cancelled from None
            if not waited:
                on_wait()
            waited = True
    try:
        yield
    finally:
        lock.release()


def storage_error(error: OSError, folder: Path, what: str) -> ModelError:
    """Say why writing to the store failed, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_room(folder, what)
    return ModelError(
        f"cannot write {what} in {folder}: {error.strerror or error}; "
        "set UNMIX_HOME to a folder that you can write to"
    )


def no_room(folder: Path, what: str, needed: int | None = None) -> ModelError:
    amount = f", which needs {needed / 1e6:,.0f} MB more" if needed else ""
    return ModelError(
        f"no room in {folder} for {what}{amount}: free some space or set UNMIX_HOME "
        "to a folder on another disk"
    )
