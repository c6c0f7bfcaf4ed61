"""Read the names in a list, however long it is."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files.documents import DocumentError, open_regular
from ..files.paths import expand
from ..files.readers import FileView
from ..files.scratch import open_scratch, scratch_error
from ..words import display

_CHUNK = 2**16
"""Bytes read at a time; more than the longest name has."""


class Lists:
    """Lists of names, which can be read several times.

    Standard input is copied to a temporary file for that.
    """

    def __init__(self) -> None:
        self._stdin: BinaryIO | None = None

    def read(self, name: str) -> Iterator[Path | InputError]:
        """Yield the names from lines, or as ``find -print0`` writes them; skip lines with ``#``.

        Parameters
        ----------
        name : str
            The path of the list, or ``-`` for standard input.
        """
        shown = f"the list {display(Path(name))}"
        found = False
        try:
            with self._open(name) as stream:
                for line in _lines(stream):
                    if line.strip() and not line.startswith("#"):
                        found = True
                        yield expand(line)
        except InputError as error:
            yield error
        except DocumentError as error:
            yield InputError(f"{shown} cannot be read: {error}")
        except OSError as error:
            yield InputError(f"{shown} cannot be read: {error.strerror}")
        else:
            if not found:
                yield InputError(f"{shown} names no recordings")

    def _open(self, name: str) -> BinaryIO:
        if name != "-":
            return open_regular(expand(name))
        if self._stdin is None:
            self._stdin = _copy_stdin()
        return io.BufferedReader(FileView(self._stdin), _CHUNK)


def _copy_stdin() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("standard input is closed: there is no list to read")
    file = open_scratch()
    try:
        while data := sys.stdin.buffer.read(_CHUNK):
            file.write(data)
    except OSError as error:
        file.close()
        raise scratch_error(error) from None
    return file


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Decode names that are not UTF-8 as the system does."""
    first = stream.read(_CHUNK).removeprefix(b"\xef\xbb\xbf")
    end = b"\0" if b"\0" in first else b"\n"
    rest = first
    while rest:
        *whole, rest = rest.split(end)
        for line in whole:
            yield os.fsdecode(line).strip("\r\n")
        more = stream.read(_CHUNK)
        if not more:
            yield os.fsdecode(rest).strip("\r\n")
        rest = rest + more if more else b""
