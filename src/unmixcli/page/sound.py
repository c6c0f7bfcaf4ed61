"""The sound of a stem, compressed piece by piece.

A browser decodes one piece at a time and joins the pieces to the sample. Each
piece overlaps its neighbours a little: the decoder can settle there, and the
page fades from one piece to the next.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import av
import numpy as np
from numpy.typing import NDArray

from ..audio.blocks import BlockReader
from ..errors import OutputError

Audio = NDArray[np.float32]

RATE = 48000
"""The rate of Opus, in Hz."""
PIECE = 6 * RATE
"""Samples from the start of a piece to the start of the next."""
MARGIN = RATE // 10
"""Samples by which a piece overlaps each of its neighbours."""

_BUDGET = 48_000_000
"""Bytes of sound in a page, if `_LEAST` allows it."""
_MOST, _LEAST = 48_000, 16_000
"""Bits per second and channel."""


def bit_rate(channels: int, seconds: float) -> int:
    """Choose the bits per second of each of all channels: 48 kbit/s, less for very long tracks."""
    affordable = _BUDGET * 8 / max(channels * seconds, 1)
    return int(min(max(affordable, _LEAST), _MOST))


def pieces(blocks: Iterable[Audio], length: int) -> Iterator[Audio]:
    """Cut a stream at `RATE` with ``length`` samples into overlapping pieces.

    Yields
    ------
    ndarray, shape (channels, samples)
        Piece k holds the samples from ``k * PIECE - MARGIN`` to
        ``(k + 1) * PIECE + MARGIN``, within the stream.
    """
    reader = BlockReader(blocks)
    for start in range(0, count_pieces(length) * PIECE, PIECE):
        yield reader.read(max(0, start - MARGIN), min(start + PIECE + MARGIN, length))


def encode_opus(piece: Audio, bits: int) -> bytes:
    """Compress a piece to a complete file: Opus in Ogg.

    Parameters
    ----------
    piece : ndarray, shape (channels, samples), float32
        At `RATE`, one or two channels.
    bits : int
        Bits per second.
    """
    layout = "mono" if len(piece) == 1 else "stereo"
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="ogg") as container:
            stream = container.add_stream(
                "libopus", rate=RATE, layout=layout, options={"compression_level": "5"}
            )
            stream.bit_rate = bits
            samples = np.ascontiguousarray(np.clip(piece, -1, 1).T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
            frame.sample_rate = RATE
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise OutputError(
            f"the page's sound cannot be compressed: PyAV's FFmpeg failed with Opus ({error})"
        ) from None
    return file.getvalue()


def count_pieces(length: int) -> int:
    """Return the number of pieces that `pieces` yields for a stream of this length."""
    return 1 + max(0, length - MARGIN) // PIECE
