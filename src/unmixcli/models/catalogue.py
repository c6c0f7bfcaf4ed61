"""Catalogues: TOML files with one table for each model.

The keys are the fields of `ModelCard` and `Weights`, plus two shortcuts,
``mirrors`` and ``like``, described in docs/models.md. Reading a catalogue
imports no plugin and downloads nothing.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import quote

from pydantic import ValidationError

from ..errors import ModelError
from ..files.documents import DocumentError, read_toml
from ..files.paths import expand
from .cards import ModelCard


def read_catalogue(path: Path) -> tuple[ModelCard, ...]:
    """Read a catalogue file, such as a plugin's own ``models.toml``.

    Parameters
    ----------
    path : Path
        The file. A relative ``path`` in its tables is relative to its folder.

    Returns
    -------
    tuple of ModelCard
        In the order of the file, without ensembles and chains.

    Raises
    ------
    ModelError
        At the first mistake; the message names the file, the table and the key.
    """
    cards: dict[str, ModelCard] = {}
    for name, table in read_tables(path):
        if not is_combination(table):
            cards[name] = make_card(path, name, table, cards)
    return tuple(cards.values())


def is_combination(table: Any) -> bool:
    """Return whether a table describes a model that combines others."""
    return isinstance(table, Mapping) and ("members" in table or "stages" in table)


def read_tables(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Read the tables of a catalogue file, unchecked, as (model name, table)."""
    try:
        data = read_toml(path)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    except DocumentError as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    yield from data.items()


def make_card(
    path: Path, name: str, table: Mapping[str, Any], known: Mapping[str, ModelCard]
) -> ModelCard:
    """Turn one table into a card.

    Parameters
    ----------
    path : Path
        The file of the table, for messages and relative paths.
    name : str
        The name of the table and of the model.
    table : mapping
        Its keys and values.
    known : mapping of str to ModelCard
        The models that ``like`` may refer to.

    Raises
    ------
    ModelError
        If the table is not a valid model; the message names the file, the table and the key.
    """
    where = f"{path}, table [{name}]"
    if not isinstance(table, Mapping):
        raise ModelError(f"{where}: a model must be a table, not a value")
    try:
        return ModelCard.model_validate({"name": name} | _expand(path, table, known))
    except ValidationError as error:
        detail, *more = error.errors()
        key = ".".join(str(part) for part in detail["loc"] if part != "name") or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        others = f" (and {len(more)} more)" if more else ""
        if detail["loc"] == ("name",):
            message, key = f"{name!r} is not a valid model name: {message}", "name"
        raise ModelError(f"{where}, key {key}: {message}{others}") from None
    except ValueError as error:
        raise ModelError(f"{where}, {error}") from None


def _expand(path: Path, table: Mapping[str, Any], known: Mapping[str, ModelCard]) -> dict[str, Any]:
    """Expand the shortcuts of a table."""
    card = dict(table)
    if "name" in card:
        raise ValueError("key name: remove it, the table's name is the model's name")
    tables = card.get("weights")
    files = [dict(table) for table in tables] if _all_tables(tables) else []
    for file in files:
        if isinstance(file.get("path"), str):
            file["path"] = path.parent.absolute() / expand(file["path"])
    for pattern in reversed(_mirrors(card.pop("mirrors", []))):
        for file in files:
            if "path" not in file and "package_file" not in file:
                name = quote(str(file.get("file", "")))
                file["urls"] = [pattern.replace("{file}", name), *file.get("urls", [])]
    if files:
        card["weights"] = files
    like = card.pop("like", None)
    if like is None:
        return card
    if not isinstance(like, str) or like not in known:
        raise ValueError(f"key like: unknown model {like!r}")
    return _inherit(known[like], card, files)


def _inherit(other: ModelCard, card: dict[str, Any], files: list[dict[str, Any]]) -> dict[str, Any]:
    """Fill the gaps of a table from another model."""
    # Title, licence, quality and files belong to the weights, so they are not inherited.
    fields = {"plugin", "targets", "default_targets", "rest", "sample_rate", "channels", "cost"}
    inherited = other.model_dump(include=fields | {"parameters"})
    wanted: list[Any] = []
    for file in files:
        names = file.get("targets")
        wanted += names if isinstance(names, list) and names else inherited["targets"]
    if files:
        inherited["targets"] = [name for name in inherited["targets"] if name in wanted]
    made = inherited | card
    # What the other model says about targets that this one lacks does not apply.
    if "rest" not in card and made["rest"] not in made["targets"]:
        made["rest"] = None
    if "default_targets" not in card:
        usual = inherited["default_targets"]
        made["default_targets"] = [name for name in usual if name in made["targets"]]
    return made


def _all_tables(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _mirrors(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) and "{file}" in v for v in value):
        raise ValueError("key mirrors: write a list of addresses with {file} for the file's name")
    return value


def shipped_cards(plugin: str) -> tuple[ModelCard, ...]:
    """Return the cards of one of the built-in plugins, from the built-in catalogue."""
    return tuple(card for card in _shipped() if card.plugin == plugin)


def shipped_names() -> tuple[str, ...]:
    """Return the names in the built-in catalogue, in order."""
    return tuple(_shipped_tables())


def shipped_combinations() -> dict[str, Mapping[str, Any]]:
    """Return the tables of the built-in ensembles and chains."""
    return {name: table for name, table in _shipped_tables().items() if is_combination(table)}


# Every built-in plugin and the registry need them, so they are read once and cached.
@functools.cache
def _shipped() -> tuple[ModelCard, ...]:
    return read_catalogue(shipped_file())


@functools.cache
def _shipped_tables() -> dict[str, Mapping[str, Any]]:
    return dict(read_tables(shipped_file()))


def shipped_file() -> Path:
    inside = Path(str(importlib.resources.files("unmixcli"))) / "models.toml"
    # A source checkout has the file in its root, a wheel inside the package.
    return inside if inside.is_file() else Path(__file__).parents[3] / "models.toml"
