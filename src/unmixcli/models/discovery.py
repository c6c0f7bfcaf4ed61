"""Plugins as they are installed: by entry points, set aside where they are broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..errors import ModelError
from .cards import ModelCard

if TYPE_CHECKING:
    from .interface import Plugin

GROUP = "unmixcli.models"
"""The entry point group that plugins register in."""

_US = "unmixcli"


@dataclass(frozen=True)
class Problem:
    """A plugin or a table of a catalogue that was left out, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


def check_plugin(name: str, plugin: Plugin, cards: Sequence[ModelCard]) -> None:
    """Raise `ModelError` if a plugin does not offer what it says."""
    options = getattr(plugin, "options", None)
    if options is not None and not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise ModelError("its options are no pydantic model")
    names: set[str] = set()
    for card in cards:
        if card.plugin != name:
            raise ModelError(f"its card {card.name} says that it is of the plugin {card.plugin}")
        if card.name.casefold() in names:
            raise ModelError(f"it has two models of the name {card.name}")
        names.add(card.name.casefold())


def is_ours(entry: metadata.EntryPoint) -> bool:
    """Tell whether a plugin ships with this package."""
    return entry.value.split(".")[0] == _US and distribution(entry) == _US


def distribution(entry: metadata.EntryPoint) -> str:
    """Name the package that a plugin is from."""
    return entry.dist.name if entry.dist is not None else "unknown package"
