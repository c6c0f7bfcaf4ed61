"""What the shell suggests for the values of options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from ..options.config import SeparationConfig

Complete = Callable[..., list[str]]


def choices(field: str) -> tuple[str, ...]:
    """Return the possible values of a config field, in order."""
    return tuple(_literals(SeparationConfig.model_fields[field].annotation))


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    for inner in get_args(annotation):
        yield from _literals(inner)


def one_of(names: Iterable[str]) -> Complete:
    """Complete one of some names."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete.lower())]

    return complete


def of_field(field: str) -> Complete | None:
    """Complete the value of a config field that has only a few, or a list of them."""
    known = list(choices(field))
    if not known:
        return None
    if isinstance(SeparationConfig.model_fields[field].default, tuple):
        return lambda incomplete: _complete_list(known, incomplete)
    return one_of(known)


devices = one_of(("auto", "cpu", "cuda", "mps", "xpu"))


def models(incomplete: str) -> list[str]:
    """Complete the name of a model."""
    from ..models.registry import Registry

    names = (known.card.name for known in Registry().models)
    return [name for name in names if name.startswith(incomplete)]


def targets(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the targets of the model on the command line, or else of any model."""
    from ..models.registry import Registry

    chosen = context.params.get("model")
    cards = [known.card for known in Registry().models]
    cards = [card for card in cards if card.name == chosen] or cards
    names = dict.fromkeys(target for card in cards for target in card.targets)
    return _complete_list(list(names), incomplete)


def _complete_list(names: list[str], incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [
        f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in given
    ]
