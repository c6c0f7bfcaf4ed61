"""From tables and names such as ``a+b`` to known models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import ModelError, UnmixError
from ..known import KnownModel
from .ensemble_card import Find

Plugins = Mapping[str, Any]
"""Plugins by name; those of combinations have ``compose``."""

_LONGEST = 64


class MissingPart(ModelError):
    """A combination needs a model or a plugin that is not installed."""


class Composer:
    """Turns the tables of one catalogue into known models.

    A combination may be made of others; each is composed when it is first needed.

    Parameters
    ----------
    tables : mapping of str to mapping
        By the name of the model.
    find : callable
        From the name of a model to what is known of it, for all other models.
    plugins : mapping
    where : str
        The catalogue, for messages; empty for the one that ships.
    """

    def __init__(
        self, tables: Mapping[str, Mapping[str, Any]], find: Find, plugins: Plugins, where: str = ""
    ) -> None:
        self._tables = tables
        self._find = find
        self._plugins = plugins
        self._where = where
        self._made: dict[str, KnownModel | ModelError] = {}
        self._open: list[str] = []

    def compose(self, name: str) -> KnownModel:
        """Return the model of a table.

        Raises
        ------
        ModelError
            If the table is wrong, or is made of itself.
        """
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise ModelError(f"{self._label(name)}: a loop: {circle}")
        if name not in self._made:
            self._open.append(name)
            try:
                self._made[name] = self._compose(name)
            except ModelError as error:
                self._made[name] = error
            finally:
                self._open.pop()
        made = self._made[name]
        if isinstance(made, ModelError):
            raise made
        return made

    def _compose(self, name: str) -> KnownModel:
        table = self._tables[name]
        label = self._label(name)
        kind = table.get("plugin", "ensemble" if "members" in table else "chain")
        plugin = self._plugins.get(str(kind))
        if plugin is None or not hasattr(plugin, "compose"):
            raise MissingPart(f"{label}, key plugin: no plugin {kind!r} makes models of others")
        try:
            card, parts = plugin.compose(name, table, self._part)
        except UnmixError as error:
            kind_of = MissingPart if isinstance(error, MissingPart) else ModelError
            raise kind_of(f"{self._where}, table {error}" if self._where else str(error)) from None
        return KnownModel(card, plugin, not self._where, parts)

    def _part(self, model: str) -> KnownModel:
        if model in self._tables:
            return self.compose(model)
        try:
            return self._find(model)
        except ModelError as error:
            raise MissingPart(f"{' → '.join(self._open)}: {error}") from None

    def _label(self, name: str) -> str:
        return f"{self._where}, table {name}" if self._where else name


def split_sum(text: str, find: Callable[[str], KnownModel | None]) -> list[str] | None:
    """Split ``a+b+c`` into names of models, which may contain a plus themselves.

    Parameters
    ----------
    text : str
    find : callable
        Returns what is known of a model, or None.

    Returns
    -------
    list of str or None
        None if it is no such sum. Longer names win.
    """
    pieces = text.split("+")
    if len(pieces) < 2 or not all(piece.strip() for piece in pieces):
        return None
    names: list[str] = []
    first = 0
    while first < len(pieces):
        for end in range(len(pieces), first, -1):
            name = "+".join(pieces[first:end]).strip()
            if name != text and find(name) is not None:
                break
        else:
            name, end = pieces[first].strip(), first + 1
        names.append(name)
        first = end
    return names


def name_of_sum(parts: list[KnownModel]) -> str:
    """Return a name for an ensemble on the spot, which becomes the name of a folder."""
    name = "+".join(part.card.name for part in parts)
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9]}+{digest}"
