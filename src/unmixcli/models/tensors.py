"""Reading the tensors of a network from a file, without running anything in it."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ..errors import ModelError


def read_state(path: Path, unused: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """Read the state dict in a ``.safetensors`` file or a PyTorch checkpoint.

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
        If the file cannot be read, would have to run code, or holds anything
        but tensors by name.
    """
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, unused)


def some(keys: list[str]) -> str:
    """Name a few keys in a message, and count the rest."""
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as a safetensors file: {error}") from None


def _read_pickle(path: Path, unused: Collection[str]) -> dict[str, torch.Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's version: it is refused or it loads
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist") from None
    except Exception as error:  # what garbage makes an unpickler raise has no bounds
        if isinstance(error, pickle.UnpicklingError) and "unsupported" in str(error).lower():
            raise ModelError(
                f"{path} was refused: to read it, Python would have to run code from inside the "
                "file, which weights never need; save the plain state_dict of the network instead"
            ) from None
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise ModelError(f"{path} cannot be read as a PyTorch checkpoint ({reason})") from None
    if not isinstance(loaded, Mapping):
        raise ModelError(f"{path} holds a {type(loaded).__name__}, not a network's state_dict")
    if "state_dict" in loaded and "optimizer" in loaded:
        raise ModelError(
            f"{path} is a training snapshot; use the .pth file that was saved beside it"
        )
    state = {str(key): value for key, value in loaded.items() if key not in unused}
    strangers = sorted(key for key, value in state.items() if not isinstance(value, torch.Tensor))
    if strangers:
        raise ModelError(f"{path} is not a network's state_dict: {some(strangers)} is no tensor")
    return {key: value.float() for key, value in state.items()}
