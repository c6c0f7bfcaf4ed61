"""Read the sizes of a network from the shapes of its tensors."""

from __future__ import annotations

import re

from ...errors import ModelError
from ..tensors import TensorFile, not_a_network


class Sizing:
    """The shapes in a file that should hold a certain network.

    Parameters
    ----------
    file : TensorFile
    what : str
        The kind of network, for messages: "an SCNet network".
    """

    def __init__(self, file: TensorFile, what: str) -> None:
        self._file = file
        self._what = what

    def fault(self, reason: str) -> ModelError:
        """Return the error that says why the file does not hold such a network."""
        return not_a_network(self._file, self._what, reason)

    def count(self, pattern: str) -> int:
        """Return how many different values a pattern's group matches at the starts of names."""
        starts = map(re.compile(pattern).match, self._file.shapes)
        return len({start[1] for start in starts if start})

    def shape(self, key: str, dimensions: int) -> tuple[int, ...]:
        """Return the shape of a tensor.

        Raises
        ------
        ModelError
            If it is missing, empty or has other dimensions.
        """
        shape = self._file.shapes.get(key)
        if shape is None:
            raise self.fault(f"it lacks {key}")
        if len(shape) != dimensions or 0 in shape:
            raise self.fault(f"{key} has the shape {shape}")
        return shape
