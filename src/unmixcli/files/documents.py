"""Read small untrusted text files: with a size limit, never from a pipe or a device."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

LIMIT = 64 * 2**20
"""Size limit in bytes; the record of a hundred thousand stems is smaller."""


class DocumentError(ValueError):
    """A file is not of the expected kind; the message says why."""


def read_bytes(path: Path, limit: int = LIMIT) -> bytes:
    """Read a small file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    DocumentError
        If it is not a regular file, or is larger than the limit.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise DocumentError(f"it is larger than {limit // 2**20} MB")
        return file.read(limit)


def open_regular(path: Path) -> BinaryIO:
    """Open a file of any size for reading; see `read_bytes` for the errors."""
    # Do not wait: opening a pipe without a writer would never return.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise DocumentError("it is not a regular file")
    return file


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Read a UTF-8 text file; see `read_bytes` for the errors."""
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("it is not UTF-8 text") from None


def read_json(path: Path, limit: int = LIMIT) -> Any:
    """Read a JSON file; see `read_text` for the errors."""
    try:
        return json.loads(read_text(path, limit))
    except RecursionError:
        raise DocumentError("it is nested too deeply") from None
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError(f"it is not valid JSON: {error}") from None


def read_toml(path: Path, limit: int = LIMIT) -> dict[str, Any]:
    """Read a TOML file; see `read_text` for the errors."""
    try:
        return tomllib.loads(read_text(path, limit))
    except RecursionError:
        raise DocumentError("it is nested too deeply") from None
    except DocumentError:
        raise
    except ValueError as error:  # also of a number with thousands of digits
        raise DocumentError(f"it is not valid TOML: {error}") from None
