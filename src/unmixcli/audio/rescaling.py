"""Turn all stems of a track down by one gain, so that none goes beyond full scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..files.scratch import open_scratch, scratch_error
from .writing import Shape, peak_of

Audio = NDArray[np.float32]

_BLOCK = 65536
_HEADROOM = 1 - 2**-15
"""The largest sample that 16 bits hold."""


@contextmanager
def rescaled(
    blocks: Iterable[Audio], count: int, shape: Shape, temp_dir: Path | None = None
) -> Iterator[tuple[Iterator[Audio], float]]:
    """Turn stems down by one common gain, if any of them goes beyond full scale.

    The gain depends on the loudest sample, so the stems wait in a temporary
    file until all of them are known. The gain is the same for all, so that they
    still add up to the mixture, times the gain.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (stems, channels, samples)
    count : int
        Number of stems.
    shape : Shape
        Of each stem.
    temp_dir : Path, optional
        Folder of the temporary file.

    Yields
    ------
    blocks : iterator of ndarray, shape (stems, channels, samples)
    gain : float
        1 if no sample goes beyond full scale.

    Raises
    ------
    SpoolError
        If there is no room for the temporary file.
    """
    row = count * shape.channels
    with open_scratch(temp_dir, 4 * row * shape.length) as file:
        peak = 0.0
        for block in blocks:
            peak = max(peak, peak_of(block))
            _append(file, np.ascontiguousarray(block.reshape(row, -1).T, np.float32))
        gain = _HEADROOM / peak if peak > 1 else 1.0
        yield _replay(file, (count, shape.channels), gain), gain


def _append(file: BinaryIO, samples: Audio) -> None:
    data = memoryview(samples.tobytes())
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        raise scratch_error(error) from None


def _replay(file: BinaryIO, shape: tuple[int, int], gain: float) -> Iterator[Audio]:
    row = shape[0] * shape[1]
    file.seek(0)
    while data := file.read(4 * row * _BLOCK):
        samples = np.frombuffer(data, np.float32).reshape(-1, row).T
        yield (samples * np.float32(gain)).reshape(*shape, -1)
