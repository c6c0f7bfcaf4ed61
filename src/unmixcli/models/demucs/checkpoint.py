"""Opening a file of the package demucs: the network that it describes, and its tensors.

There are two kinds. A package, ``.th``, is a pickle of the constructor's class
and arguments beside the state. The newer ``.safetensors`` has class and
arguments as JSON in its header, where a fraction is written as
``{"_type": "fraction", "numerator": 39, "denominator": 5}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ..tensors import TensorFile, not_a_network, open_tensors, quantised
from ..unpickling import Named
from .arguments import Arguments, HTDemucsArguments, parse

LONGEST_JSON = 1 << 16
"""Characters: the arguments of a published network take 1,700."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that describes a network: nothing of its tensors has been read yet."""

    file: TensorFile
    arguments: Arguments

    @property
    def kind(self) -> str:
        """What the network is, for messages."""
        transformer = isinstance(self.arguments, HTDemucsArguments)
        return f"a Hybrid {'Transformer ' if transformer else ''}Demucs network"


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a package or a safetensors file and check what it says of its network.

    Raises
    ------
    ModelError
        If it cannot be read, would have to run code, does not describe a
        network, or describes one that is not supported.
    """
    file = open_tensors(path)
    extras = file.extras
    if "structure" in extras:
        raise quantised(path)
    if "klass" not in extras:
        raise not_a_network(
            file, "a Demucs package", "it does not say how its network was made (klass, kwargs)"
        )
    klass, args, kwargs = (extras.get(key) for key in ("klass", "args", "kwargs"))
    if path.suffix == ".safetensors":
        args, kwargs = _from_json(path, "args", args), _from_json(path, "kwargs", kwargs)
    name = klass.name if isinstance(klass, Named) else klass
    if not (
        isinstance(name, str)
        and isinstance(args, Sequence)
        and not isinstance(args, str)
        and isinstance(kwargs, Mapping)
    ):
        raise ModelError(f"{path} does not say how its network was made in a way that makes sense")
    return Checkpoint(file, parse(path, name, args, kwargs))


def _from_json(path: Path, key: str, text: object) -> object:
    try:
        if isinstance(text, str) and len(text) <= LONGEST_JSON:
            return json.loads(text, object_hook=_decode)
    except (ValueError, ArithmeticError, RecursionError):
        pass
    raise ModelError(f"{path} has no usable {key} in its header")


def _decode(table: dict[str, Any]) -> object:
    if table.get("_type") != "fraction":
        return table
    numerator, denominator = table.get("numerator"), table.get("denominator")
    if type(numerator) is not int or type(denominator) is not int:
        raise ValueError("not a fraction")
    return Fraction(numerator, denominator)
