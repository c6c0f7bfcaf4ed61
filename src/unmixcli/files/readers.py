"""Let several readers share one open file."""

from __future__ import annotations

import io
import os
import threading
from typing import BinaryIO

_LOCK = threading.Lock()


class FileView(io.RawIOBase):
    """An open file, read from an independent position.

    A temporary file has no name, so it cannot be opened a second time, and
    readers that share it would move each other's position.

    Parameters
    ----------
    file : binary file
        It stays open when the view is closed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += os.fstat(self._file.fileno()).st_size
        if offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with _LOCK:
            self._file.seek(self._position)
            data = self._file.read(len(buffer)) or b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
