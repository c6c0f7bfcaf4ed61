"""The two layouts of the files of ``torch.save``: where the pickle and the numbers are.

Since PyTorch 1.6, such a file is a zip archive with one record per storage;
before that, it was a stream of pickles, followed by the storages.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import ModelError
from .unpickling import Machine, Storage

MAX_PICKLE = 16 << 20
"""Bytes of a pickle: a network of 20,000 tensors takes 4 MB."""
MAX_OPERATIONS = 3_000_000
"""Operations of a pickle: those 20,000 tensors take 800,000, and each takes memory and time."""

_PICKLE = b"\x80"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

Read = Callable[[Storage], bytearray]


@dataclass(frozen=True)
class Pickled:
    """The objects in a file, and a way to read the numbers of a storage."""

    content: object
    """See `Machine.result`."""
    read: Read
    """Raises `ModelError` if the numbers are missing."""


def open_pickled(path: Path) -> Pickled:
    """Read the objects of a file that ``torch.save`` wrote.

    Parameters
    ----------
    path : Path

    Raises
    ------
    NeedsCodeError
        If reading the file would run code from it.
    ModelError
        If it is damaged, or claims more content than its size allows.
    """
    try:
        if zipfile.is_zipfile(path):
            return _open_archive(path)
        with path.open("rb") as file:
            first = file.read(1)
            file.seek(0)
            if first != _PICKLE:
                raise _unreadable(path, "neither an archive nor a stream of PyTorch's")
            return _open_stream(path, file)
    except ModelError:
        raise
    except OSError as error:
        raise _unreadable(path, error.strerror or "read error") from None
    except (EOFError, zipfile.BadZipFile):
        raise _unreadable(path, "a damaged archive") from None
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # The machine raises these on invalid pickles; RuntimeError means a locked archive.
        raise _unreadable(path, "damaged") from None


def _unreadable(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path} cannot be read as a PyTorch checkpoint ({reason})")


def _open_archive(path: Path) -> Pickled:
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
        # Whatever the records claim, reading them all takes at most the size of the file.
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise _unreadable(path, "it is compressed, which PyTorch never does")
        if sum(record.file_size for record in records) > path.stat().st_size:
            raise _unreadable(path, "shorter than it claims")
        names = {record.filename for record in records}
        main = next((name for name in names if name.split("/")[1:] == ["data.pkl"]), None)
        if main is None:
            raise _unreadable(path, "an archive without data.pkl")
        folder = main.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in names and archive.read(order) != b"little":
            raise _unreadable(path, "written on a big-endian machine")
        with archive.open(main) as file:
            content = _run(path, file).result

    def read(storage: Storage) -> bytearray:
        with zipfile.ZipFile(path) as archive, archive.open(f"{folder}data/{storage.key}") as file:
            return _take(path, file, storage)

    return Pickled(content, _guarded(path, read))


def _open_stream(path: Path, file: IO[bytes]) -> Pickled:
    if _run(path, file).result != _MAGIC or _run(path, file).result != _PROTOCOL:
        raise _unreadable(path, "a pickle, but not a stream of PyTorch")
    system = _run(path, file).result
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise _unreadable(path, "written on a big-endian machine")
    machine = _run(path, file)
    keys = _run(path, file).result
    places: dict[str, int] = {}
    for key in keys if isinstance(keys, list) else []:
        storage = machine.storages[key]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise _unreadable(path, "the lengths of its storages are wrong")
        places[key] = file.tell()
        file.seek(storage.size, 1)

    def read(storage: Storage) -> bytearray:
        with path.open("rb") as again:
            again.seek(places[storage.key])
            return _take(path, again, storage)

    return Pickled(machine.result, _guarded(path, read))


def _take(path: Path, file: IO[bytes], storage: Storage) -> bytearray:
    # Compare before taking memory: anyone can claim a size.
    if storage.size <= path.stat().st_size:
        data = bytearray(storage.size)
        filled = 0
        while filled < len(data) and (part := file.read(min(1 << 24, len(data) - filled))):
            data[filled : filled + len(part)] = part
            filled += len(part)
        if filled == len(data):
            return data
    raise _unreadable(path, "shorter than its tensors")


def _guarded(path: Path, read: Read) -> Read:
    def guarded(storage: Storage) -> bytearray:
        try:
            return read(storage)
        except (EOFError, OSError, LookupError, RuntimeError, ValueError, zipfile.BadZipFile):
            raise _unreadable(path, "the numbers of a tensor are missing or damaged") from None

    return guarded


class _Bounded:
    """A file that ends after `MAX_PICKLE` bytes."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file, self._left = path, file, MAX_PICKLE

    def read(self, size: int) -> bytes:
        return self._count(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._count(self._file.readline(self._left + 1))

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise _unreadable(self._path, f"more than {MAX_PICKLE:,} bytes of objects")
        return data


def _run(path: Path, file: IO[bytes]) -> Machine:
    """Run one pickle; leave the file's position behind it."""
    machine = Machine(path)
    bounded: Any = _Bounded(path, file)
    for count, (operation, argument, _) in enumerate(pickletools.genops(bounded)):
        if count == MAX_OPERATIONS:
            raise _unreadable(path, f"more than {MAX_OPERATIONS:,} objects")
        machine.step(operation.name, argument)
    return machine
