"""Turn tables, and names such as ``a+b``, into known models."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from typing import Any

from ...errors import ModelError, UnmixError
from ..known import KnownModel
from .ensemble_card import Find
from .tables import Described

Plugins = Mapping[str, Any]
"""Plugins by name; those of combinations have ``compose``."""

_LONGEST = 64


class MissingPart(ModelError):
    """A combination needs a model or a plugin that is not installed."""


class Composer:
    """Turns the tables of one catalogue into known models.

    A combination may contain others; each is composed when it is first needed.

    Parameters
    ----------
    tables : mapping of str to mapping
        Keyed by the name of the model.
    find : callable
        Returns the known model for a name, for all other models.
    plugins : mapping
    where : str
        The catalogue, for messages; empty for the built-in one.
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
            If the table is wrong, or contains itself.
        """
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise ModelError(f"{name}: a loop: {circle}")
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
            raise MissingPart(f"{label}, key plugin: no plugin {kind!r} combines models")
        try:
            card, parts = plugin.compose(name, table, self._part)
        except UnmixError as error:
            # A part in the same catalogue has named it already.
            words = str(error)
            if self._where and not words.startswith(self._where):
                words = f"{self._where}, table {words}"
            raise (MissingPart if isinstance(error, MissingPart) else ModelError)(words) from None
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


def split_sum(text: str, known: Container[str]) -> list[str] | None:
    """Split ``a+b+c`` into names of models, which may contain a plus themselves.

    Parameters
    ----------
    text : str
    known : container of str
        The names of all models.

    Returns
    -------
    list of str or None
        None if it is not such a sum. Longer names win.
    """
    pieces = text.split("+")
    if len(pieces) < 2 or not all(piece.strip() for piece in pieces):
        return None
    names: list[str] = []
    first = 0
    while first < len(pieces):
        for end in range(len(pieces), first, -1):
            name = "+".join(pieces[first:end]).strip()
            if name != text and name in known:
                break
        else:
            name, end = pieces[first].strip(), first + 1
        names.append(name)
        first = end
    return names


def name_of_sum(parts: list[KnownModel]) -> str:
    """Return a name, usable as a folder name, for an ensemble such as ``a+b``."""
    name = "+".join(part.card.name for part in parts)
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9]}+{digest}"


def average_of(known: KnownModel, plugin: Any) -> KnownModel:
    """Return an ensemble of one model with itself, under its name."""
    table = known.card.model_dump(include=set(Described.model_fields) - {"plugin"})
    members = {"members": [known.card.name]}
    card, parts = plugin.compose(known.card.name, table | members, lambda _: known)
    return KnownModel(card, plugin, known.shipped, parts)
