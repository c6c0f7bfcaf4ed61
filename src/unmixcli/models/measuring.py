"""Reading the sizes of a network off the tensors of a checkpoint, and checking the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from ..errors import ModelError
from .recognition import family_of
from .state import some

State = Mapping[str, torch.Tensor]


class Measured:
    """The tensors of a file that should be a certain network.

    Parameters
    ----------
    path : Path
        The file, for messages.
    state : mapping of str to Tensor
    network : str
        What it should be, such as "an SCNet".

    Raises
    ------
    ModelError
        If the names of the tensors say that it is another network.
    """

    def __init__(self, path: Path, state: State, network: str) -> None:
        self.state = state
        self._path = path
        self._network = network
        family = family_of(state)
        if family not in (None, network):
            raise self.fault(f"it is {family}")

    def fault(self, reason: str) -> ModelError:
        """Return the error that says why the file is not such a network."""
        return ModelError(f"{self._path} is not {self._network} that can be run: {reason}")

    def count(self, pattern: str) -> int:
        """Return how many different numbers the group of a pattern finds at the keys' starts."""
        return len({found[1] for found in map(re.compile(pattern).match, self.state) if found})

    def shape(self, key: str, dimensions: int) -> tuple[int, ...]:
        """Return the shape of a tensor.

        Raises
        ------
        ModelError
            If there is no such tensor, it is empty, or it has other dimensions.
        """
        if key not in self.state:
            raise self.fault(f"it lacks {key}")
        shape = tuple(self.state[key].shape)
        if len(shape) != dimensions or 0 in shape:
            raise self.fault(f"{key} has the shape {shape}")
        return shape

    def compare(self, expected: State) -> None:
        """Check the tensors key by key and shape by shape.

        Raises
        ------
        ModelError
            Naming what is missing, foreign or of the wrong shape.
        """
        missing = sorted(expected.keys() - self.state.keys())
        foreign = sorted(self.state.keys() - expected.keys())
        parts = [f"it lacks {some(missing)}"] if missing else []
        parts += [f"it has {some(foreign)}, which do not belong there"] if foreign else []
        if parts:
            raise self.fault(" and ".join(parts))
        for key, tensor in expected.items():
            if self.state[key].shape != tensor.shape:
                raise self.fault(
                    f"{key} has the shape {tuple(self.state[key].shape)}, and the other tensors "
                    f"call for {tuple(tensor.shape)}"
                )
