"""Reading tensors from files that nobody can be sure of."""

from __future__ import annotations

import collections
import os
import random
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from unmixcli.errors import ModelError
from unmixcli.models.pickles import open_pickled
from unmixcli.models.tensors import load_into, open_tensors, read_state
from unmixcli.models.unpickling import Named

OLD = {"_use_new_zipfile_serialization": False}
LAYOUTS: list[dict[str, Any]] = [{}, OLD, {"pickle_protocol": 4}, OLD | {"pickle_protocol": 4}]


def save(folder: Path, content: object, **options: Any) -> Path:
    path = folder / "x.pth"
    torch.save(content, path, **options)
    return path


def kinds() -> dict[str, torch.Tensor]:
    random_ = torch.Generator().manual_seed(0)
    plain = torch.randn(6, 5, generator=random_)
    return {
        "plain": plain,
        "transposed": plain.t(),
        "sliced": plain[1:3, 2:],
        "half": plain.half(),
        "bfloat": plain.bfloat16(),
        "double": plain.double(),
        "scalar": torch.tensor(3.5),
        "none": torch.zeros(0, 3),
        "bn.num_batches_tracked": torch.tensor(7),
        "parameter": nn.Parameter(plain * 2),
    }


@pytest.mark.parametrize("options", LAYOUTS)
def test_tensors_of_all_kinds(tmp_path: Path, options: dict[str, Any]) -> None:
    state = kinds()
    path = save(tmp_path, state, **options)
    found = read_state(path)
    assert list(found) == list(state)
    for key, value in state.items():
        assert found[key].dtype == torch.float32
        assert found[key].is_contiguous()
        assert torch.equal(found[key], value.float().detach()), key
    file = open_tensors(path)
    assert file.shapes["transposed"] == (5, 6)
    assert file.read(["scalar"]) == {"scalar": torch.tensor(3.5)}


@pytest.mark.parametrize("options", LAYOUTS)
def test_the_state_dict_of_a_module(tmp_path: Path, options: dict[str, Any]) -> None:
    state = nn.Sequential(nn.LSTM(3, 4, 2), nn.BatchNorm1d(4), nn.Linear(4, 2)).state_dict()
    found = read_state(save(tmp_path, state, **options))
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in state.items()
    }
    assert all(torch.equal(found[key], value.float()) for key, value in state.items())


def test_safetensors(tmp_path: Path) -> None:
    state = {"a": torch.randn(3, 4).half(), "b": torch.randn(2)}
    path = tmp_path / "x.safetensors"
    save_file(state, path, {"made": "here"})
    file = open_tensors(path)
    assert file.extras == {"made": "here"}
    assert file.shapes == {"a": (3, 4), "b": (2,)}
    assert all(torch.equal(value, state[key].float()) for key, value in file.read().items())


@pytest.mark.parametrize("wrapper", ["state", "state_dict", "model_state_dict"])
def test_wrappers(tmp_path: Path, wrapper: str) -> None:
    others = {
        "epoch": 3,
        "loss": np.float64(0.5),
        "when": Fraction(39, 5),
        "sizes": torch.Size([1, 2]),
        "kind": torch.float16,
        "lists": [(1, 2.5, None, True), {"a": {"b": b"c"}}],
        "ordered": collections.OrderedDict(a=1),
        "moments": torch.ones(3),
    }
    path = save(tmp_path, others | {wrapper: {"w": torch.ones(2)}})
    file = open_tensors(path)
    assert file.read().keys() == {"w"}
    assert file.extras["epoch"] == 3
    assert file.extras["when"] == Fraction(39, 5)
    assert file.extras["lists"] == [(1, 2.5, None, True), {"a": {"b": b"c"}}]
    assert file.extras["ordered"] == {"a": 1}
    assert file.extras["kind"] == Named("torch.float16")


def test_entries_that_are_not_needed(tmp_path: Path) -> None:
    path = save(tmp_path, {"w": torch.ones(2), "rate": 44100})
    with pytest.raises(ModelError, match="rate is not a tensor"):
        read_state(path)
    assert read_state(path, unused=["rate"]).keys() == {"w"}


@pytest.mark.parametrize("options", LAYOUTS)
def test_thirteen_gigabytes_in_a_small_file(tmp_path: Path, options: dict[str, Any]) -> None:
    """Tensors that repeat one number are refused, by themselves and as many views of a storage."""
    expanded = torch.zeros(1).expand(1 << 30)
    path = save(tmp_path, {f"w{k}": expanded for k in range(4)}, **options)
    assert path.stat().st_size < 13_000
    with pytest.raises(ModelError, match="w0, w1, w2 and 1 more claims more values than the file"):
        read_state(path)
    shared = torch.zeros(300_000)
    path = save(tmp_path, {f"w{k}": shared.view(-1) for k in range(400)}, **options)
    with pytest.raises(ModelError, match="its tensors claim 480000000 bytes, more than the whole"):
        read_state(path)


def test_small_tensors_may_share_their_numbers(tmp_path: Path) -> None:
    shared = torch.arange(32.0)
    found = read_state(save(tmp_path, {f"w{k}": shared for k in range(50)}))
    assert all(torch.equal(value, shared) for value in found.values())


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x02", b"PK\x03\x04junk", b"<html>"])
def test_files_of_other_kinds(tmp_path: Path, content: bytes) -> None:
    for name in ("x.pth", "x.ckpt", "x.th", "x.safetensors"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read as a"):
            read_state(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        read_state(tmp_path / "x.pth")
    with pytest.raises(ModelError, match="is not a file"):
        read_state(tmp_path)
    os.mkfifo(tmp_path / "fifo.pth")
    with pytest.raises(ModelError, match="is not a file"):
        read_state(tmp_path / "fifo.pth")


@pytest.mark.parametrize(
    "value", [torch.ones(2, dtype=torch.complex64), torch.ones(2).int(), torch.ones(2).bool()]
)
def test_numbers_that_are_no_weights(tmp_path: Path, value: torch.Tensor) -> None:
    for path in (save(tmp_path, {"w": value}), tmp_path / "x.safetensors"):
        if path.suffix == ".safetensors":
            save_file({"w": value}, path)
        with pytest.raises(ModelError, match=r"w of .*, but weights are real|cannot be"):
            read_state(path)


@pytest.mark.parametrize("options", [{}, OLD])
def test_numbers_that_are_missing(tmp_path: Path, options: dict[str, Any]) -> None:
    path = save(tmp_path, {"w": torch.randn(5000)}, **options)
    data = path.read_bytes()
    for cut in range(0, len(data), 997):
        path.write_bytes(data[:cut])
        with pytest.raises(ModelError, match="cannot be read"):
            read_state(path)


@pytest.mark.parametrize("options", [{}, OLD])
def test_files_that_were_changed_anywhere(tmp_path: Path, options: dict[str, Any]) -> None:
    """Whatever is wrong is a sentence, quickly, or a file that can be read."""
    state = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).state_dict()
    path = save(tmp_path, {"state_dict": state, "epoch": 3}, **options)
    data = path.read_bytes()
    chance = random.Random(5)
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(chance.choice([1, 1, 3])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        try:
            read_state(path)
        except ModelError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_the_same_as_torch(tmp_path: Path) -> None:
    """What torch itself reads without running code, we read alike."""
    state = nn.TransformerEncoderLayer(8, 2, 16).state_dict()
    for options in LAYOUTS[:2]:
        path = save(tmp_path, state, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = torch.load(path, weights_only=True)
        assert open_pickled(path).content.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[key]) for key, value in read_state(path).items())


def linear() -> nn.Module:
    with torch.device("meta"):
        return nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {"weight": state["weight"]}, "x.pth is not a layer: it lacks bias"),
        (lambda state: state | {"\x1b[2J": torch.ones(1)}, r"it has \\x1b\[2J, which do not"),
        (lambda state: state | {"bias": torch.ones(5)}, r"bias has the shape \(5,\), but the ot"),
        (
            lambda state: (
                {"fc1.weight": state["bias"], "lstm.weight_ih_l0": state["bias"]}
                | {"fc3.weight": state["bias"]}
            ),
            "it lacks bias, weight and it has .*; this is an Open-Unmix checkpoint",
        ),
    ],
)
def test_a_network_takes_exactly_its_own(
    tmp_path: Path, change: Callable[[Any], Any], words: str
) -> None:
    state = {"weight": torch.randn(2, 3), "bias": torch.randn(2)}
    network = linear()
    load_into(network, open_tensors(save(tmp_path, state)), "a layer")
    assert torch.equal(network.state_dict()["weight"], state["weight"])
    renamed = {f"other.{key}": value for key, value in state.items()} | {"more": torch.ones(1)}
    file = open_tensors(save(tmp_path, renamed))
    load_into(network, file, "a layer", lambda name: f"other.{name}", ["more"])
    with pytest.raises(ModelError, match=words):
        load_into(linear(), open_tensors(save(tmp_path, change(state))), "a layer")
