"""Read the tensors of a network from a file: first names and shapes, then the numbers.

Opening a file reads only names and shapes. No code from the file can run, and no
tensor takes memory before its shape has been compared with the size of the file
and, in `load_into`, with the network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import ModelError
from .pickles import open_pickled
from .recognise import recognise
from .unpickling import Storage, StoredTensor

WRAPPERS = ("state", "state_dict", "model_state_dict")
"""Keys under which programs store a network if they save more than the network."""
SPARE = 1 << 20
"""Bytes by which tensors may exceed their file, because small ones may share storage."""

_FLOATS = {"float64", "float32", "float16", "bfloat16", "F64", "F32", "F16", "BF16"}
_COUNTER = "num_batches_tracked"
"""The counter of a batch norm: the only integer that belongs to networks."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class TensorFile:
    """An opened file of tensors: its names and shapes, and a way to read the numbers."""

    path: Path
    shapes: Mapping[str, Shape]
    """The shape of each tensor, in the order of the file."""
    extras: Mapping[str, object]
    """Other content: the metadata of a safetensors header, or the entries beside
    the network in a checkpoint. Untrusted."""
    _read: Callable[[Collection[str]], dict[str, torch.Tensor]]

    def read(self, keys: Collection[str] | None = None) -> dict[str, torch.Tensor]:
        """Read all or the named tensors, as float32 on the CPU.

        Raises
        ------
        ModelError
            If the numbers are missing or damaged.
        """
        return self._read(self.shapes.keys() if keys is None else keys)


def read_state(path: Path, unused: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """Read the whole state dict in a ``.safetensors`` file or a PyTorch checkpoint.

    Parameters
    ----------
    path : Path
    unused : collection of str
        Keys of a PyTorch checkpoint to ignore, whatever they hold.

    Returns
    -------
    dict of str to Tensor
        All float32 on the CPU.

    Raises
    ------
    ModelError
        See `open_tensors`.
    """
    return open_tensors(path, unused).read()


def open_tensors(path: Path, unused: Collection[str] = ()) -> TensorFile:
    """Open a ``.safetensors`` file or a PyTorch checkpoint and check its claims.

    Parameters
    ----------
    path : Path
    unused : collection of str
        Keys of a PyTorch checkpoint to ignore, whatever they hold.

    Raises
    ------
    ModelError
        If the file cannot be read without running code from it, holds anything
        but named tensors of real numbers, or claims more of them than fit in it.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist")
    if not path.is_file():
        raise ModelError(f"{path} is not a file")
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    return _open_checkpoint(path, frozenset(unused))


def load_into(
    network: nn.Module, file: TensorFile, what: str, names: Mapping[str, str] | None = None
) -> None:
    """Load a network's parameters, if the file has exactly those.

    Parameters
    ----------
    network : Module
        Built on the device ``meta``; it takes over the tensors of the file.
    file : TensorFile
    what : str
        The kind of network, for messages: "a Hybrid Demucs network".
    names : mapping of str to str, optional
        The network's name for each tensor of the file to read, if the names differ.

    Raises
    ------
    ModelError
        If tensors are missing, unknown or of another shape. The message names
        the first few, and the family of the file if it is known.
    """
    names = {key: key for key in file.shapes} if names is None else names
    found = {name: (key, file.shapes[key]) for key, name in names.items()}
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    missing = sorted(expected.keys() - found.keys())
    foreign = sorted(found[name][0] for name in found.keys() - expected.keys())
    reasons = [f"it lacks {some(missing)}"] if missing else []
    reasons += [f"it has {some(foreign)}, which it should not have"] if foreign else []
    if reasons:
        raise not_a_network(file, what, " and ".join(reasons))
    for name, shape in expected.items():
        key, own = found[name]
        if own != shape:
            raise not_a_network(
                file, what, f"{key} has the shape {own}, but the other tensors require {shape}"
            )
    read = file.read(names)
    state = {name: read.pop(key) for key, name in names.items()}
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)


def not_a_network(file: TensorFile, what: str, reason: str) -> ModelError:
    """Say why a file does not hold the expected network and, if known, what it holds."""
    family = recognise(file.shapes)
    named = "" if family is None or _nouns(family) == _nouns(what) else f"; this is {family}"
    return ModelError(f"{file.path} is not {what}: {reason}{named}")


def some(keys: Iterable[str]) -> str:
    """List the first three keys for a message, and count the rest."""
    keys = [key if key.isprintable() and len(key) <= 100 else ascii(key)[:100] for key in keys]
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _nouns(name: str) -> str:
    return name.split(" ", 1)[1].rsplit(" ", 1)[0]


def _open_safetensors(path: Path) -> TensorFile:
    try:
        with safe_open(path, framework="pt") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            kinds = {key: part.get_dtype() for key, part in slices.items()}
            shapes = {key: tuple(part.get_shape()) for key, part in slices.items()}
            extras = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as a safetensors file: {error}") from None
    _refuse_kinds(path, kinds)

    def read(keys: Collection[str]) -> dict[str, torch.Tensor]:
        try:
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key).float() for key in keys}
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} cannot be read as a safetensors file: {error}") from None

    return TensorFile(path, shapes, extras, read)


def _open_checkpoint(path: Path, unused: Collection[str]) -> TensorFile:
    pickled = open_pickled(path)
    content = pickled.content
    if isinstance(content, StoredTensor):
        raise ModelError(f"{path} holds a Tensor, not a network's state_dict")
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not a network's state_dict")
    if "state_dict" in content and "optimizer" in content:
        raise ModelError(
            f"{path} is a training snapshot; use the .pth file that was saved beside it"
        )
    wrapper = next((name for name in WRAPPERS if isinstance(content.get(name), dict)), None)
    extras = {} if wrapper is None else {k: v for k, v in content.items() if k != wrapper}
    inside = content if wrapper is None else content[wrapper]
    entries = {str(key): value for key, value in inside.items() if key not in unused}
    tensors = {key: value for key, value in entries.items() if isinstance(value, StoredTensor)}
    if strangers := sorted(entries.keys() - tensors.keys()):
        raise ModelError(f"{path} is not a network's state_dict: {some(strangers)} is not a tensor")
    _refuse_kinds(path, {key: tensor.storage.dtype for key, tensor in tensors.items()})
    _refuse_claims(path, tensors)

    def read(keys: Collection[str]) -> dict[str, torch.Tensor]:
        sharing: dict[Storage, list[str]] = {}
        for key in keys:
            sharing.setdefault(tensors[key].storage, []).append(key)
        found: dict[str, torch.Tensor] = {}
        for storage, users in sharing.items():  # read each once, and free it then
            data = pickled.read(storage)
            found |= {key: _view(tensors[key], data) for key in users}
        return {key: found[key] for key in keys}

    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    return TensorFile(path, shapes, extras, read)


def _view(tensor: StoredTensor, data: bytearray) -> torch.Tensor:
    if not tensor.count:
        return torch.zeros(tensor.shape)
    numbers = torch.frombuffer(data, dtype=getattr(torch, tensor.storage.dtype))
    view = numbers.as_strided(tensor.shape, tensor.stride, tensor.offset)
    return view.to(torch.float32, memory_format=torch.contiguous_format).contiguous()


def _refuse_kinds(path: Path, kinds: Mapping[str, str]) -> None:
    """Raise an error unless all tensors hold real numbers."""
    wrong = [
        key for key, kind in kinds.items() if kind not in _FLOATS and not key.endswith(_COUNTER)
    ]
    if wrong:
        raise ModelError(
            f"{path} is not a network's state_dict: {some(wrong)} of {kinds[wrong[0]]}, "
            "but weights are real numbers"
        )


def _refuse_claims(path: Path, tensors: Mapping[str, StoredTensor]) -> None:
    """Raise an error if tensors claim more bytes than the file has."""
    larger = [key for key, tensor in tensors.items() if not tensor.fits]
    if larger:
        raise ModelError(
            f"{path} is damaged: {some(larger)} claims more values than the file has for it"
        )
    total = sum(tensor.extent * tensor.storage.width for tensor in tensors.values())
    if total > path.stat().st_size + SPARE:
        raise ModelError(
            f"{path} is damaged: its tensors claim {total} bytes, more than the whole file has"
        )
