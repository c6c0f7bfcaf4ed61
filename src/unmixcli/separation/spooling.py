"""Copy a recording that can be read only once to a temporary file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files.scratch import open_scratch, scratch_error


def spool(temp_dir: Path | None = None) -> BinaryIO:
    """Copy standard input to a temporary file, because it can be read only once.

    Parameters
    ----------
    temp_dir : Path, optional
        Folder of the temporary file.

    Raises
    ------
    InputError
        If standard input is empty.
    SpoolError
        If the disk has no room.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("standard input is closed: pipe a recording into it, as in … | unmix")
    stream = sys.stdin.buffer
    if stream.isatty():
        raise InputError("standard input is a terminal: pipe a recording into it, as in … | unmix")
    file = open_scratch(temp_dir)
    try:
        while data := stream.read(2**20):
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        file.close()
        raise scratch_error(error) from None
    if not file.tell():
        file.close()
        raise InputError("standard input is empty")
    return file
