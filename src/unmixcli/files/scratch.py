"""Temporary files for what is too large for memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import SpoolError

_REMEDY = "make room, or choose another folder with --temp-dir"


def open_scratch(directory: Path | None = None, size: int = 0) -> BinaryIO:
    """Open an unbuffered temporary file that vanishes when closed.

    Parameters
    ----------
    directory : Path, optional
        Where; by default `default_directory`.
    size : int
        Bytes that it is going to hold, if known.

    Raises
    ------
    SpoolError
        If the directory cannot be written or has no room for that many bytes.
    """
    directory = directory or default_directory()
    try:
        free = shutil.disk_usage(directory).free
        if free < size:
            raise SpoolError(
                f"there is no room for temporary files in {directory}: this track needs "
                f"{size / 1e9:.2f} GB there and {free / 1e9:.2f} GB are free; {_REMEDY}"
            )
        # Where the system can do that, the file never has a name: not even a
        # kill leaves it behind.
        return cast(BinaryIO, tempfile.TemporaryFile(prefix="unmix-", dir=directory, buffering=0))
    except OSError as error:
        raise SpoolError(
            f"temporary files cannot be written to {directory}: {error.strerror}; "
            "choose another folder with --temp-dir"
        ) from None


def scratch_error(error: OSError) -> SpoolError:
    """Put into words that writing to such a file failed."""
    return SpoolError(f"a temporary file cannot be written: {error.strerror}; {_REMEDY}")


def default_directory() -> Path:
    """Return where large temporary files go: not into memory, if that can be helped.

    ``TMPDIR`` counts where it is set; otherwise ``/var/tmp`` where there is
    one, since ``/tmp`` is a file system in memory on many machines.
    """
    large = Path("/var/tmp")
    if "TMPDIR" not in os.environ and os.access(large, os.W_OK | os.X_OK):
        return large
    return Path(tempfile.gettempdir())
