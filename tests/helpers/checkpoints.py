"""Files of weights for tests: checkpoints, among them some that nobody should open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from unmixcli.errors import ModelError


def save(folder: Path, content: object, name: str = "tiny.ckpt", **options: Any) -> Path:
    """Save anything as PyTorch does."""
    torch.save(content, folder / name, **options)
    return folder / name


class Harm:
    """Something that makes a file when it is unpickled carelessly."""

    def __init__(self, path: Path = Path("exploded")) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def shapes_of(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def refusal_by(load: Callable[..., Any]) -> Callable[..., str]:
    """Return a function that takes what `load` takes and returns why it refuses."""

    def refusal(path: Path, **fields: Any) -> str:
        with pytest.raises(ModelError) as caught:
            load(path, **fields)
        assert caught.value.__cause__ is None
        return str(caught.value)

    return refusal
