"""Apply one gain to all stems of a track, which depends on all of their samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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


def gain_within(peak: float) -> float:
    """Return the gain that keeps a peak within full scale: 1 if it is."""
    return _HEADROOM / peak if peak > 1 else 1.0


@contextmanager
def rescaled(
    blocks: Iterable[Audio],
    count: int,
    shape: Shape,
    gain_of: Callable[[float], float] = gain_within,
    temp_dir: Path | None = None,
) -> Iterator[tuple[Iterator[Audio], float]]:
    """Turn stems up or down by one common gain.

    The gain depends on all samples, so the stems wait in a temporary file until
    the last one has passed. The gain is the same for all, so that they still add
    up to the mixture, times the gain.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (stems, channels, samples)
    count : int
        Number of stems.
    shape : Shape
        Of each stem.
    gain_of : callable, optional
        Takes the largest absolute sample and returns the gain; called after the last block.
    temp_dir : Path, optional
        Folder of the temporary file.

    Yields
    ------
    blocks : iterator of ndarray, shape (stems, channels, samples)
    gain : float

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
        gain = gain_of(peak)
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
