"""Sequences of numbers for every frame of a track: in memory while small, else on disk."""

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
"""Bytes that the sequences of one separation may take in memory."""

_ITEM = 4  # float32


class Sequence(Protocol):
    """Rows of float32, one a frame; readable and writable in blocks from several threads."""

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

    Not a memory map: its pages would count as the process' memory.
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
                    raise SpoolError("a temporary file was cut short while it was in use")
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
        Sum of the widths of all sequences that will exist at a time.
    directory : Path or None
        Where the file goes if memory is not to hold them, see `open_scratch`.

    Raises
    ------
    SpoolError
        If they need a file and the directory cannot take it.
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
        """Make a sequence of `width` numbers a frame."""
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
