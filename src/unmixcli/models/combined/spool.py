"""Stems of a chain that wait in a temporary file until a later stage reads them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from ...audio.blocks import Audio
from ...errors import SpoolError
from ...files.readers import FileView
from ...files.scratch import open_scratch, scratch_error

_BLOCK = 65536
"""Samples that are read at a time."""
_ITEM = 4  # float32


class Spool:
    """Audio in a temporary file; a context manager that frees it.

    Once written it is a `unmixcli.models.interface.Mixture`, readable any
    number of times, by several threads at once.

    Parameters
    ----------
    sample_rate, channels, length : int
    directory : Path or None
        Where the file goes, see `open_scratch`.

    Raises
    ------
    SpoolError
        If there is no room for it.
    """

    def __init__(
        self, sample_rate: int, channels: int, length: int, directory: Path | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self.length = length
        self._file: BinaryIO = open_scratch(directory, _ITEM * channels * length)

    def write(self, block: Audio) -> None:
        """Add a block, shape (channels, samples), at the end."""
        left = memoryview(np.ascontiguousarray(block.T, np.float32).data).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise scratch_error(error) from None

    def blocks(self) -> Iterator[Audio]:
        """Read from the start."""
        file = io.BufferedReader(FileView(self._file), _ITEM * self.channels * _BLOCK)
        for first in range(0, self.length, _BLOCK):
            frames = min(_BLOCK, self.length - first)
            data = file.read(_ITEM * self.channels * frames)
            if len(data) < _ITEM * self.channels * frames:
                raise SpoolError("a temporary file was cut short while it was in use")
            yield np.frombuffer(data, np.float32).reshape(frames, self.channels).T

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def write_all(stems: Iterable[Audio], spools: list[Spool | None]) -> None:
    """Write each stem into its spool, as far as it has one."""
    for block in stems:
        for stem, spool in zip(block, spools, strict=True):
            if spool is not None:
                spool.write(stem)
