"""Digests of files, each computed once while the file stays as it is."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits.

    Remembered for as long as its size, its time and its place on the disk do
    not change: a run that needs it in several places reads the file once.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    facts = path.stat()
    return _digest(str(path.absolute()), facts.st_ino, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: str, inode: int, size: int, modified: int) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
