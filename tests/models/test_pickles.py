"""The machine that runs the pickles of checkpoints: it builds data, and nothing else."""

from __future__ import annotations

import collections
import io
import os
import pickle
import resource
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from unmixcli.errors import ModelError
from unmixcli.models import pickles
from unmixcli.models.tensors import read_state
from unmixcli.models.unpickling import NeedsCodeError

OLD = {"_use_new_zipfile_serialization": False}
LAYOUTS: list[dict[str, Any]] = [{}, OLD, {"pickle_protocol": 4}, OLD | {"pickle_protocol": 4}]


def save(folder: Path, content: object, **options: Any) -> Path:
    path = folder / "x.pth"
    torch.save(content, path, **options)
    return path


class Code:
    def __reduce__(self) -> Any:
        return os.system, ("touch exploded",)


class Built:
    def __init__(self) -> None:
        self.state = 3


@pytest.mark.parametrize("options", LAYOUTS)
@pytest.mark.parametrize("content", [Code(), Built(), print, nn.Linear(2, 2), {"path": Path("x")}])
def test_code_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path, {"w": torch.ones(2), "x": content}, **options)
    with pytest.raises(NeedsCodeError, match="have to run code from inside the file"):
        read_state(path, unused=["x"])
    assert not (tmp_path / "exploded").exists()


def program(*operations: bytes) -> bytes:
    return b"\x80\x02" + b"".join(operations) + b"."


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    "operations",
    [
        named("os", "system") + b"X\x02\x00\x00\x00ls\x85R",
        named("builtins", "eval") + b"X\x01\x00\x00\x001\x85R",
        b"(X\x02\x00\x00\x00lsios\nsystem\n",
        b"(" + named("os", "system") + b"X\x02\x00\x00\x00lso",
        named("collections", "OrderedDict") + b")\x81",
        # Attributes are set on nothing: not on the classes that are known either.
        named("fractions", "Fraction") + b"N}X\x01\x00\x00\x00a(K\x01tbs\x86b",
        named("torch._utils", "_rebuild_tensor_v2") + b"}b",
        named("torch", "FloatStorage") + b")R",
        named("demucs.htdemucs", "HTDemucs") + b")R",
        named("torch.storage", "_load_from_bytes") + b"C\x01x\x85R",
        b"\x82\x01",
    ],
)
def test_programs_that_would_run_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operations: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    archive(path, program(operations))
    with pytest.raises(ModelError, match=r"run code|cannot be read"):
        read_state(path)
    with pytest.raises(NeedsCodeError):
        archive(path, program(b"}X\x01\x00\x00\x00a" + named("os", "system") + b"s"))
        read_state(path)


def archive(path: Path, pickled: bytes, compress: bool = False, **records: bytes) -> None:
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("x/data.pkl", pickled)
        for name, data in records.items():
            file.writestr(f"x/data/{name}", data)


class Claim:
    """A tensor of float32 that claims any shape for a storage of any length."""

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], count: int) -> None:
        self.arguments = (shape, stride, count)

    def __reduce__(self) -> Any:
        shape, stride, count = self.arguments
        storage = _Persistent(("storage", torch.FloatStorage, "0", "cpu", count))
        rebuild = torch._utils._rebuild_tensor_v2
        return rebuild, (storage, 0, shape, stride, False, collections.OrderedDict())


class _Persistent:
    def __init__(self, words: tuple[Any, ...]) -> None:
        self.words = words


def claim(path: Path, *arguments: Any, data: bytes = b"\0" * 4) -> Path:
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> Any:
            return thing.words if isinstance(thing, _Persistent) else None

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"w": Claim(*arguments)})
    archive(path, buffer.getvalue(), **{"0": data})
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ((1 << 40,), (0,), 1),
        ((1 << 20, 1 << 20), (0, 0), 1),
        ((1 << 31,), (1,), 1),
        ((1 << 31,), (1,), 1 << 31),
        ((2,), (1 << 50,), 1),
        ((1 << 70,), (1,), 1),
        ((-1,), (1,), 1),
        ((1,) * 40, (1,) * 40, 1),
        ((1,), (1, 1), 1),
    ],
)
def test_claims_take_no_memory(tmp_path: Path, arguments: Any) -> None:
    path = claim(tmp_path / "x.pth", *arguments)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"claim|cannot be read") as caught:
        read_state(path)
    assert str(path) in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_compressed_zeros_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    archive(path, b"", compress=True, **{"0": b"\0" * (1 << 26)})
    assert path.stat().st_size < 1 << 17
    with pytest.raises(ModelError, match="it is compressed, which PyTorch never does"):
        read_state(path)


@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        (b"", "damaged"),
        (b"\x80\x02.", "damaged"),
        (program(b"K\x01"), "holds a int"),
        (program(b"]" * 1000, b"e" * 1000), "damaged"),
        (program(b"h\x05"), "damaged"),
        (program(b"}N"), "damaged"),
        (program(b"}r\xff\xff\xff\x7f"), "__nothing__"),
        (program(b"X\xff\xff\xff\x7fab"), "damaged"),
        (program(b"\x8a\xff\x01"), "damaged"),
        (program(named("fractions", "Fraction") + b"X\x0b\x00\x00\x001e999999999\x85R"), "damaged"),
        (program(named("fractions", "Fraction") + b"K\x01K\x00\x86R"), "damaged"),
        (program(b"(K\x01K\x02Q"), "damaged"),
        (program(b"]" * 5000), "more than 4,000 objects"),
        (program(b"B\xff\xff\x01\x00" + b"a" * 0x1FFFF), "more than 100,000 bytes of objects"),
    ],
)
def test_pickles_that_make_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pickled: bytes, words: str
) -> None:
    monkeypatch.setattr(pickles, "MAX_OPERATIONS", 4000)
    monkeypatch.setattr(pickles, "MAX_PICKLE", 100_000)
    path = tmp_path / "x.pth"
    archive(path, pickled)
    if words == "__nothing__":  # a place far away in the memo costs nothing
        assert read_state(path) == {}
        return
    with pytest.raises(ModelError, match=words):
        read_state(path)


def test_deep_nesting_is_no_recursion(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    depth = 200_000
    archive(path, program(b"}X\x01\x00\x00\x00a", b"]" * depth, b"a" * (depth - 1), b"s"))
    with pytest.raises(ModelError, match="a is not a tensor"):
        read_state(path)
