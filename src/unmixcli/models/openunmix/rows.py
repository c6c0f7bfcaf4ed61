"""Sequences of numbers for each frame of a track: in memory if small, else on disk."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import numpy as np
import torch

from ...errors import SpoolError
from ...files.scratch import open_scratch, scratch_error

MEMORY_LIMIT = 256 * 2**20
"""Bytes of memory that the sequences of one separation may use."""

_ITEM = 4  # float32


class Sequence(Protocol):
    """Rows of float32, one per frame; threads can read and write blocks of them."""

    def read(self, first: int, end: int) -> torch.Tensor:
        """Return the rows from `first` up to `end`, shape (end - first, width)."""
        ...

    def write(self, first: int, rows: torch.Tensor) -> None:
        """Store rows from row `first` on."""
        ...


class _MemorySequence:
    def __init__(self, frames: int, width: int) -> None:
        self._rows = torch.empty(frames, width)

    def read(self, first: int, end: int) -> torch.Tensor:
        return self._rows[first:end]

    def write(self, first: int, rows: torch.Tensor) -> None:
        self._rows[first : first + rows.shape[0]] = rows


class _FileSequence:
    """Rows in a region of a file.

    Not a memory map, because its pages would count as memory of the process.
    """

    def __init__(self, file: BinaryIO, lock: Lock, offset: int, width: int) -> None:
        self._file = file
        self._lock = lock
        self._offset = offset
        self._width = width

    def read(self, first: int, end: int) -> torch.Tensor:
        rows = np.empty((end - first, self._width), np.float32)
        left = memoryview(rows.data).cast("B")
        with self._lock:
            self._file.seek(self._offset + first * self._width * _ITEM)
            while left:
                count = self._file.readinto(left)  # type: ignore[attr-defined]
                if not count:
                    raise SpoolError("a temporary file was truncated while in use")
                left = left[count:]
        return torch.from_numpy(rows)

    def write(self, first: int, rows: torch.Tensor) -> None:
        left = memoryview(np.ascontiguousarray(rows.cpu().numpy()).data).cast("B")
        try:
            with self._lock:
                self._file.seek(self._offset + first * self._width * _ITEM)
                while left:
                    left = left[self._file.write(left) :]
        except OSError as error:
            raise scratch_error(error) from None


class SequenceStore:
    """The sequences of one separation; a context manager that frees them.

    Parameters
    ----------
    frames : int
    widths : int
        Sum of the widths of all sequences that exist at the same time.
    directory : Path or None
        Folder of the file, if they do not fit in memory; see `open_scratch`.

    Raises
    ------
    SpoolError
        If they need a file and the folder has no room for it.
    """

    def __init__(
        self,
        frames: int,
        widths: int,
        directory: Path | None = None,
    ) -> None:
        self._frames = frames
        self._file: BinaryIO | None = None
        self._lock = Lock()
        self._end = 0
        size = frames * widths * _ITEM
        if size > MEMORY_LIMIT:
            self._file = open_scratch(directory, size)

    def add(self, width: int) -> Sequence:
        """Create a sequence of `width` numbers per frame."""
        if self._file is None:
            return _MemorySequence(self._frames, width)
        offset = self._end
        self._end += self._frames * width * _ITEM
        return _FileSequence(self._file, self._lock, offset, width)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
