"""Temporary files for data that is too large for memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import SpoolError

_REMEDY = "free some space, or choose another folder with --temp-dir"


def open_scratch(directory: Path | None = None, size: int = 0) -> BinaryIO:
    """Open an unbuffered temporary file that vanishes when closed.

    Parameters
    ----------
    directory : Path, optional
        Its folder; `default_directory` if not given.
    size : int
        Bytes that it will hold, if known.

    Raises
    ------
    SpoolError
        If the folder cannot be written to or has no room for that many bytes.
    """
    directory = directory or default_directory()
    try:
        free = shutil.disk_usage(directory).free
        if free < size:
            raise SpoolError(
                f"there is no room for temporary files in {directory}: this track needs "
                f"{size / 1e9:.2f} GB there and {free / 1e9:.2f} GB are free; {_REMEDY}"
            )
        # If the system supports it, the file never has a name, so that it
        # disappears even if the process is killed.
        return cast(BinaryIO, tempfile.TemporaryFile(prefix="unmix-", dir=directory, buffering=0))
    except OSError as error:
        raise SpoolError(
            f"temporary files cannot be written to {directory}: {error.strerror}; "
            "choose another folder with --temp-dir"
        ) from None


def scratch_error(error: Exception) -> SpoolError:
    """Put into words that writing to such a file failed."""
    reason = getattr(error, "strerror", None) or "the disk is full"
    return SpoolError(f"a temporary file cannot be written: {reason}; {_REMEDY}")


def default_directory() -> Path:
    """Return the folder for large temporary files.

    ``TMPDIR`` if it is set; otherwise ``/var/tmp`` if it exists, because
    ``/tmp`` is kept in memory on many machines.
    """
    large = Path("/var/tmp")
    if "TMPDIR" not in os.environ and os.access(large, os.W_OK | os.X_OK):
        return large
    return Path(tempfile.gettempdir())
