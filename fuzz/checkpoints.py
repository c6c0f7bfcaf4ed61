"""Damage checkpoints where it matters: in what they claim, not in their millions of numbers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save_file

from .mutation import NUMBERS, damage, damage_text

State = dict[str, Any]


def damage_checkpoint(data: bytes, suffix: str, random: Random) -> bytes:
    """Damage the bytes of a checkpoint, or what it claims.

    Parameters
    ----------
    data : bytes
        What `write_state` writes.
    suffix : str
    random : Random
    """
    if random.random() < 0.3:
        return damage(data, random)
    if suffix == ".safetensors":
        size = int.from_bytes(data[:8], "little")
        header = damage_text(data[8 : 8 + size], random)
        return len(header).to_bytes(8, "little") + header + data[8 + size :]
    if not data.startswith(b"PK"):  # the layout of old
        return damage(data[: random.choice((2000, 20000))], random) + data[20000:]
    return _damage_archive(data, random)


def _damage_archive(data: bytes, random: Random) -> bytes:
    """Damage the records of an archive, with checksums that are right again."""
    result = io.BytesIO()
    compression = random.choice((zipfile.ZIP_STORED,) * 9 + (zipfile.ZIP_DEFLATED,))
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", compression) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("data.pkl") or random.random() < 0.02:
                content = damage(content, random)
            if random.random() > 0.002:
                new.writestr(name, content)
    return result.getvalue()


def damage_state(state: State, random: Random) -> State:
    """Damage the tensors of a network, which are then written as they should be."""
    state = dict(state)
    for _ in range(random.choice((1, 1, 2, 4))):
        key = random.choice(list(state))
        random.choice(_STATES)(state, key, random)
        if not state:
            break
    return state


def _drop(state: State, key: str, random: Random) -> None:
    del state[key]


def _rename(state: State, key: str, random: Random) -> None:
    names = ("lstm.weight_ih_l99999999", "\x1b[2J", "x" * 5000, "", "a.b.c", "module." + key, "é")
    state[random.choice(names)] = state.pop(key)


def _number(state: State, key: str, random: Random) -> None:
    tensor = state[key]
    if isinstance(tensor, torch.Tensor) and tensor.numel() and tensor.is_floating_point():
        tensor = tensor.clone().contiguous()
        value = random.choice((float("nan"), float("inf"), -1.0, 0.0, 1e30, 1e-30, -1e30))
        as_its_kind = torch.tensor(value).to(tensor.dtype)
        if random.random() < 0.5:
            tensor.view(-1)[random.randrange(tensor.numel())] = as_its_kind
        else:
            tensor[...] = as_its_kind
        state[key] = tensor


def _kind(state: State, key: str, random: Random) -> None:
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64, torch.uint8)
    kinds += (torch.bool, torch.complex64)
    if isinstance(state[key], torch.Tensor):
        state[key] = state[key].to(random.choice(kinds))


def _shape(state: State, key: str, random: Random) -> None:
    tensor = state[key]
    if not isinstance(tensor, torch.Tensor):
        return
    changes: list[Callable[[torch.Tensor], torch.Tensor]] = [
        lambda t: t[:0] if t.dim() else t,
        lambda t: t.reshape(-1),
        lambda t: t[None],
        lambda t: torch.cat([t, t]) if t.dim() else t,
        lambda t: t[1:] if t.dim() else t,
        lambda t: t.transpose(0, -1).contiguous() if t.dim() > 1 else t,
        lambda t: torch.zeros(()),
        lambda t: torch.zeros(1).expand(random.choice((1000, 50_000)), 40_000),
        lambda t: torch.zeros(0, random.choice(NUMBERS)),
    ]
    state[key] = random.choice(changes)(tensor)


def _stranger(state: State, key: str, random: Random) -> None:
    things = ("text", 1, None, [1, 2], {"a": 1}, float("nan"), b"bytes")
    state[random.choice((key, "more"))] = random.choice(things)


_STATES: tuple[Callable[[State, str, Random], None], ...] = (
    _drop, _rename, _number, _number, _kind, _shape, _shape, _stranger,
)  # fmt: skip


def write_state(
    state: State,
    path: Path,
    old: bool = False,
    metadata: Any = None,
    package: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint in the layout that its suffix stands for."""
    if path.suffix == ".safetensors":
        tensors = {
            key: value.clone().contiguous()
            for key, value in state.items()
            if isinstance(value, torch.Tensor) and value.numel() < 10**7
        }
        save_file(tensors, path, metadata and json.loads(json.dumps(metadata)))
    else:
        content = {**package, "state": state} if package else state
        torch.save(content, path, _use_new_zipfile_serialization=not old)
