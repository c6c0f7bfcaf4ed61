"""The tensors of a network in a file: what it says it has, checked, and then the numbers.

Opening a file reads names and shapes only. Nothing in the file can run, and no
tensor takes memory before its shape was compared with the size of the file
and, by `load_into`, with the network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import ModelError
from ..words import some
from .pickles import open_pickled
from .recognise import recognise
from .unpickling import Storage, StoredTensor

WRAPPERS = ("state", "state_dict", "model_state_dict")
"""Entries under which programs put a network when they save more beside it."""
SPARE = 1 << 20
"""Bytes by which tensors may exceed their file, as a few small ones share their numbers."""

_FLOATS = {"float64", "float32", "float16", "bfloat16", "F64", "F32", "F16", "BF16"}
_COUNTER = "num_batches_tracked"
"""What a batch norm counts: the only whole number that belongs to networks."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class TensorFile:
    """A file of tensors, opened: what it says it has, and how to read it."""

    path: Path
    shapes: Mapping[str, Shape]
    """Of each tensor, in the order of the file."""
    extras: Mapping[str, object]
    """What else is there: the metadata of a safetensors header, the entries
    beside the network in a checkpoint. Untrusted."""
    _read: Callable[[Collection[str]], dict[str, torch.Tensor]]

    def read(self, keys: Collection[str] | None = None) -> dict[str, torch.Tensor]:
        """Read tensors, all or those named, as float32 on the CPU.

        Raises
        ------
        ModelError
            If their numbers are missing or damaged.
        """
        return self._read(self.shapes.keys() if keys is None else keys)


def read_state(path: Path, unused: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """Read the state dict in a ``.safetensors`` file or a PyTorch checkpoint, whole.

    Parameters
    ----------
    path : Path
    unused : collection of str
        Keys of a PyTorch checkpoint to leave out, whatever they hold.

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
    """Open a ``.safetensors`` file or a PyTorch checkpoint and check what it claims.

    Parameters
    ----------
    path : Path
    unused : collection of str
        Keys of a PyTorch checkpoint to leave out, whatever they hold.

    Raises
    ------
    ModelError
        If the file cannot be read, would have to run code, holds anything but
        tensors of real numbers by name, or claims more of them than its size allows.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist")
    if not path.is_file():
        raise ModelError(f"{path} is not a file")
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    return _open_checkpoint(path, frozenset(unused))


def load_into(
    network: nn.Module,
    file: TensorFile,
    what: str,
    key_of: Callable[[str], str] = str,
    unused: Collection[str] = (),
) -> None:
    """Give a network its parameters, if the file has exactly those.

    Parameters
    ----------
    network : Module
        Built on the device ``meta``: it takes the tensors of the file as they are.
    file : TensorFile
    what : str
        What the network is, for messages: "a Hybrid Demucs network".
    key_of : callable
        From the network's name of a tensor to the file's, where they differ.
    unused : collection of str
        Keys of the file that may be there and are not needed.

    Raises
    ------
    ModelError
        If tensors are missing, foreign or of another shape, naming the first
        few, and the family that the file is of if it is known.
    """
    expected = {key_of(name): tensor for name, tensor in network.state_dict().items()}
    missing = sorted(expected.keys() - file.shapes.keys())
    foreign = sorted(file.shapes.keys() - expected.keys() - set(unused))
    reasons = [f"it lacks {some(missing)}"] if missing else []
    reasons += [f"it has {some(foreign)}, which do not belong there"] if foreign else []
    if reasons:
        raise not_a_network(file, what, " and ".join(reasons))
    for key, tensor in expected.items():
        if file.shapes[key] != tuple(tensor.shape):
            raise not_a_network(
                file,
                what,
                f"{key} has the shape {file.shapes[key]}, and the other tensors call for "
                f"{tuple(tensor.shape)}",
            )
    read = file.read(expected.keys())
    state = {name: read.pop(key_of(name)) for name in network.state_dict()}
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)


def not_a_network(file: TensorFile, what: str, reason: str) -> ModelError:
    """Say why a file does not hold the network that it should, and what it is if that is known."""
    family = recognise(file.shapes)
    same = family is None or family.replace("checkpoint", "network") == what
    return ModelError(
        f"{file.path} is not {what}: {reason}" + ("" if same else f"; this is {family}")
    )


def quantised(path: Path) -> ModelError:
    """Say that a file of Demucs holds quantised weights."""
    return ModelError(
        f"{path} is quantised (DiffQ), which is not supported; use the file of the same network "
        "without it, whose name has no q"
    )


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
    if "__quantized" in inside:
        raise quantised(path)
    entries = {str(key): value for key, value in inside.items() if key not in unused}
    tensors = {key: value for key, value in entries.items() if isinstance(value, StoredTensor)}
    if strangers := sorted(entries.keys() - tensors.keys()):
        raise ModelError(f"{path} is not a network's state_dict: {some(strangers)} is no tensor")
    _refuse_kinds(path, {key: tensor.storage.dtype for key, tensor in tensors.items()})
    _refuse_claims(path, tensors)

    def read(keys: Collection[str]) -> dict[str, torch.Tensor]:
        sharing: dict[Storage, list[str]] = {}
        for key in keys:
            sharing.setdefault(tensors[key].storage, []).append(key)
        found: dict[str, torch.Tensor] = {}
        for storage, users in sharing.items():  # each is read once, and kept no longer
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
    """Refuse numbers that no network here is made of."""
    wrong = [
        key for key, kind in kinds.items() if kind not in _FLOATS and not key.endswith(_COUNTER)
    ]
    if wrong:
        raise ModelError(
            f"{path} is not a network's state_dict: {some(wrong)} of {kinds[wrong[0]]}, "
            "where weights are real numbers"
        )


def _refuse_claims(path: Path, tensors: Mapping[str, StoredTensor]) -> None:
    """Refuse tensors that are larger than what the file has for them."""
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
