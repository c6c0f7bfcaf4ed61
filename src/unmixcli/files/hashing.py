"""Digests of files, computed again only if a file changes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits.

    The digest is cached until the file's size, time or inode changes, so that
    a run that needs it several times reads the file once.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    facts = path.stat()
    # The time of the last change of the inode is the one that no program can set back.
    times = (facts.st_mtime_ns, facts.st_ctime_ns)
    return _digest(str(path.absolute()), facts.st_ino, facts.st_size, times)


@lru_cache(maxsize=256)
def _digest(path: str, inode: int, size: int, times: tuple[int, int]) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
