"""Find out whether a file is truncated; decoders often ignore that.

Containers store their length. An interrupted copy is shorter.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from ..files.readers import FileView

_CHUNKS = 10_000
"""Largest number of chunks to examine."""
_PAGE = 65_307
"""Longest page of Ogg, in bytes."""
_UNKNOWN = 0x7FFF_0000
"""Sizes from here on mean that the length of the stream was unknown at its start."""


def cut_off(source: Path | BinaryIO) -> str:
    """Say how much of a recording's file is missing.

    Parameters
    ----------
    source : Path or file object

    Returns
    -------
    str
        For example "100 bytes are missing at its end"; empty if nothing is
        missing, or if the format does not say how long it is.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return _cut_off(file)
        return _cut_off(io.BufferedReader(FileView(source)))
    except (OSError, OverflowError, ValueError):  # an impossible position
        return ""


def _cut_off(file: BinaryIO) -> str:
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(16)
    if head[:4] == b"OggS":
        return "" if _ends_ogg(file, length) else "the end of its stream is missing"
    end = _promised_end(file, head)
    return f"{end - length:,} bytes are missing at its end" if end > length else ""


def _promised_end(file: BinaryIO, head: bytes) -> int:
    """Return where the sound of a file should end, 0 if it does not say so."""
    find = _ENDS.get(head[:4])
    if find is None and head[4:8] == b"ftyp":
        find = _mp4_end
    return find(file) if find else 0


def _riff_end(file: BinaryIO) -> int:
    return _data_end(file, wide=False)


def _rf64_end(file: BinaryIO) -> int:
    return _data_end(file, wide=True)


def _aiff_end(file: BinaryIO) -> int:
    return _find(_chunks(file, 12, 4, "big"), b"SSND")


def _caf_end(file: BinaryIO) -> int:
    return _find(_chunks(file, 8, 8, "big"), b"data")


def _au_end(file: BinaryIO) -> int:
    file.seek(4)
    start, size = (int.from_bytes(file.read(4), "big") for _ in range(2))
    return 0 if size >= _UNKNOWN else start + size


def _data_end(file: BinaryIO, wide: bool) -> int:
    size_in_ds64 = 0
    for name, start, size in _chunks(file, 12, 4, "little"):
        if name == b"ds64":
            file.seek(start + 8)
            size_in_ds64 = int.from_bytes(file.read(8), "little")
        if name == b"data":
            if wide and size == 0xFFFF_FFFF:
                return start + size_in_ds64
            return 0 if size >= _UNKNOWN else start + size
    return 0


def _w64_end(file: BinaryIO) -> int:
    start = 40
    for _ in range(_CHUNKS):
        file.seek(start)
        header = file.read(24)
        size = int.from_bytes(header[16:24], "little")  # with this header
        if len(header) < 24 or size < 24:
            return 0
        if header[:4] == b"data":
            return start + size
        start += -(-size // 8) * 8
    return 0


def _chunks(
    file: BinaryIO, start: int, width: int, order: Literal["little", "big"]
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the start and the size of each chunk."""
    for _ in range(_CHUNKS):
        file.seek(start)
        header = file.read(4 + width)
        if len(header) < 4 + width:
            return
        size = int.from_bytes(header[4:], order)
        start += len(header)
        yield header[:4], start, size
        start += size if width == 8 else size + size % 2


def _find(chunks: Iterator[tuple[bytes, int, int]], wanted: bytes) -> int:
    for name, start, size in chunks:
        if name == wanted:
            return 0 if size >= 2**63 else start + size
    return 0


def _ends_ogg(file: BinaryIO, length: int) -> bool:
    """Return whether an Ogg file ends with a complete page that is marked as the last."""
    first = max(0, length - 2 * _PAGE)
    file.seek(first)
    tail = file.read()
    at = tail.rfind(b"OggS\0")
    if at < 0 or len(tail) < at + 27 or not tail[at + 5] & 4:
        return False
    table = tail[at + 27 : at + 27 + tail[at + 26]]
    return len(table) == tail[at + 26] and at + 27 + len(table) + sum(table) <= len(tail)


def _matroska_end(file: BinaryIO) -> int:
    """Return the end of the segment, which follows the header."""
    file.seek(4)
    size = _vint(file)
    if size is None:
        return 0
    file.seek(size, io.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _vint(file)
    return 0 if size is None else file.tell() + size


def _vint(file: BinaryIO) -> int | None:
    """Read a number of variable width; None if it means an unknown size."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + rest, "big")
    return None if len(rest) < more or value == 2 ** (7 * (more + 1)) - 1 else value


def _mp4_end(file: BinaryIO) -> int:
    """Return the end of the last box."""
    start = 0
    for _ in range(_CHUNKS):
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return start
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if size < 8:  # to the end of the file, or damaged
            return 0
        start += size
    return 0


_ENDS = {
    b"RIFF": _riff_end,
    b"RF64": _rf64_end,
    b"BW64": _rf64_end,
    b"FORM": _aiff_end,
    b"caff": _caf_end,
    b"riff": _w64_end,
    b".snd": _au_end,
    b"\x1a\x45\xdf\xa3": _matroska_end,
}
"""By the first bytes of a file."""
