"""A model that was found: its card, the plugin that loads it, and what may be asked of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from ..errors import UsageError
from .cards import ModelCard

if TYPE_CHECKING:
    from .interface import Plugin


@dataclass(frozen=True)
class Resolved:
    """A model that is known: its card and the plugin that can load it."""

    card: ModelCard
    plugin: Plugin
    shipped: bool = False

    @property
    def options(self) -> type[BaseModel] | None:
        """The pydantic model of the options that only this plugin has, if it has any."""
        return getattr(self.plugin, "options", None)

    def pick_targets(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the targets to estimate: those wanted, or all of the model's.

        Raises
        ------
        UsageError
            If the model has no such target.
        """
        for target in wanted:
            if target not in self.card.targets:
                raise UsageError(
                    f"{self.card.name} has no target {target!r}, only "
                    f"{', '.join(self.card.targets)}{nearest(target, self.card.targets)}"
                )
        return tuple(wanted) or self.card.targets

    def check_options(self, options: Mapping[str, str]) -> BaseModel | None:
        """Validate the options that only this plugin understands.

        Raises
        ------
        UsageError
            If the plugin has no such option, or the value does not suit it.
        """
        names = list(self.options.model_fields) if self.options else []
        for key in options:
            if key not in names:
                has = f"only {', '.join(names)}" if names else "none of its own"
                raise UsageError(
                    f"{self.card.name} has no option {key!r}, {has}{nearest(key, names)}"
                )
        if self.options is None:
            return None
        try:
            return self.options.model_validate(dict(options))
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(map(str, detail["loc"])) or "options"
            message = detail["msg"].removeprefix("Value error, ")
            raise UsageError(f"option {key} of {self.card.name}: {message}") from None


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""
