"""A machine that runs the pickles of ``torch.save`` but knows only data.

A pickle is a small program that builds objects, and Python's own machine lets
it import and call anything. This one knows containers, numbers, strings and
tensors. It imports and calls nothing; if a pickle asks for more, it is refused,
and the error names the request. A tensor remains a description until it is
read, so that its shape can be compared with the content of the file before any
memory is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import ModelError

_DTYPES = {
    "Double": ("float64", 8),
    "Float": ("float32", 4),
    "Half": ("float16", 2),
    "BFloat16": ("bfloat16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Short": ("int16", 2),
    "Char": ("int8", 1),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
    "ComplexFloat": ("complex64", 8),
    "ComplexDouble": ("complex128", 16),
}
# The parts of numpy's numbers, which training snapshots contain.
_NUMPY = re.compile(r"numpy\.(_?core\.multiarray\.scalar|dtype)|_codecs\.encode")
_FRACTION = re.compile(r"-?\d{1,18}(/[1-9]\d{0,17})?", re.ASCII)


class NeedsCodeError(ModelError):
    """A pickle asks for something that only running code could provide.

    Parameters
    ----------
    path : Path
    name : str
        What it named, such as ``os.system``.
    """

    def __init__(self, path: Path, name: str) -> None:
        shown = f" ({name})" if re.fullmatch(r"[\w.]{1,80}", name, re.ASCII) else ""
        super().__init__(
            f"{path} was refused: to read it, Python would have to run code from inside the "
            f"file{shown}, which weights never need; save only the state_dict of the network "
            "instead"
        )
        self.name = name


@dataclass(frozen=True)
class Named:
    """Something that a pickle names; kept as a name and never imported."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A run of numbers in a file."""

    key: str
    dtype: str
    """Torch's name for it, such as ``float16``."""
    width: int
    """Bytes per number."""
    count: int

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.count * self.width


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that a file describes and that has not been read yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of values."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def extent(self) -> int:
        """Number of values from its first to its last in the storage, inclusive."""
        if not self.count:
            return 0
        return 1 + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))

    @property
    def fits(self) -> bool:
        """Whether the storage is long enough and has a place for every value."""
        return self.count <= self.extent and self.offset + self.extent <= self.storage.count


_NOTHING = Named("")
"""Stands for objects that are not needed, such as numpy's numbers."""

_PUSHED = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Machine:
    """Builds the objects that one pickle describes.

    Parameters
    ----------
    path : Path
        The file of the pickle, for messages.

    Attributes
    ----------
    result : object
        The result after the last operation: made of dict, list, tuple, str, bytes,
        int, float, bool, None, Fraction, `StoredTensor` and `Named`.
    storages : dict of str to Storage
        The storages that the pickle names, by key.
    """

    def __init__(self, path: Path) -> None:
        self.result: object = None
        self.storages: dict[str, Storage] = {}
        self._path = path
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Execute one operation.

        Parameters
        ----------
        name : str
            `pickletools`' name for it.
        argument : object
            Its argument in the pickle.

        Raises
        ------
        NeedsCodeError
            If the operation would import or call something.
        IndexError, KeyError, TypeError, ValueError
            If the pickle is invalid.
        """
        stack = self._stack
        if name in _PUSHED:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            stack.append(tuple(self._pop(_TUPLES[name])))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            _a(list, stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
            _a(dict, stack[-1]).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "STOP":
            (self.result,) = stack
        elif name not in ("PROTO", "FRAME"):
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        """Execute one of the operations that could import or call something."""
        if name == "GLOBAL":
            self._stack.append(self._find(".".join(argument.split(" ", 1))))
        elif name == "STACK_GLOBAL":
            self._stack.append(self._find(".".join(self._pop(2))))
        elif name == "BINPERSID":
            self._stack.append(self._storage(*self._pop(1)))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            self._stack.append(self._call(function, *arguments))
        elif name == "BUILD":
            # Attributes of an OrderedDict, such as the versions of a state dict: not needed.
            _, thing = self._pop(1), self._stack[-1]
            if not isinstance(thing, dict) and thing is not _NOTHING:
                raise NeedsCodeError(self._path, getattr(thing, "name", ""))
        else:
            raise NeedsCodeError(self._path, f"pickle.{name}")

    def _find(self, name: str) -> Named:
        storage = re.fullmatch(r"torch\.(\w+)Storage", name)
        known = name in _CALLS or name.startswith("demucs.") or (storage and storage[1] in _DTYPES)
        if known or _NUMPY.fullmatch(name) or re.fullmatch(r"torch\.[a-z]+\d+", name):
            return Named(name)
        raise NeedsCodeError(self._path, name)

    def _call(self, function: Any, *arguments: Any) -> object:
        name = _a(Named, function).name
        if name in _CALLS:
            return _CALLS[name](*arguments)
        if _NUMPY.fullmatch(name):
            return _NOTHING
        raise NeedsCodeError(self._path, name)

    def _storage(self, words: tuple[Any, ...]) -> Storage:
        kind, type_, key, _device, count = words[:5]
        found = re.fullmatch(r"torch\.(\w+)Storage", _a(Named, type_).name)
        if kind != "storage" or found is None or not isinstance(key, str) or _natural(count) < 0:
            raise ValueError("not a storage")
        storage = Storage(key, *_DTYPES[found[1]], count)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError("two storages of one name")
        return storage

    def _pop(self, count: int) -> list[Any]:
        first = len(self._stack) - count
        if first < (self._marks[-1] if self._marks else 0):
            raise IndexError("nothing there")
        items = self._stack[first:]
        del self._stack[first:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        first = self._marks.pop()
        items = self._stack[first:]
        del self._stack[first:]
        return items


def _a(kind: type[Any], thing: Any) -> Any:
    if not isinstance(thing, kind):
        raise TypeError(f"not a {kind.__name__}")
    return thing


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 60:
        raise ValueError("not a size")
    return value


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
    sizes, steps = (tuple(map(_natural, numbers)) for numbers in (shape, stride))
    if len(sizes) != len(steps) or len(sizes) > 16:
        raise ValueError("not a shape")
    return StoredTensor(_a(Storage, storage), _natural(offset), sizes, steps)


def _fraction(numerator: Any, denominator: Any = 1) -> Fraction:
    if isinstance(numerator, str):
        # Fraction itself would also take "1e999999999", which no memory can hold.
        if not _FRACTION.fullmatch(numerator):
            raise ValueError("not a fraction")
        return Fraction(numerator)
    return Fraction(_a(int, numerator), _a(int, denominator))


_CALLS: Mapping[str, Callable[..., object]] = {
    "collections.OrderedDict": lambda items=(): dict(items),
    "fractions.Fraction": _fraction,
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch._utils._rebuild_parameter": lambda tensor, *_: _a(StoredTensor, tensor),
    "torch._utils._rebuild_tensor_v2": _tensor,
}
"""The functions that a pickle may call, and what is called instead."""
