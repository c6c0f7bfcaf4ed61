"""A known model: its card, the plugin that loads it, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..errors import UsageError
from ..words import nearest
from .cards import ModelCard

if TYPE_CHECKING:
    from .interface import Plugin


@dataclass(frozen=True)
class KnownModel:
    """A card and the plugin that can load it."""

    card: ModelCard
    plugin: Plugin
    shipped: bool = False

    @property
    def options(self) -> type[BaseModel] | None:
        """The pydantic model of the options that only this plugin has, if it has any."""
        return getattr(self.plugin, "options", None)

    @property
    def estimates_residual(self) -> bool:
        """Whether its models estimate the residual themselves."""
        return bool(getattr(self.plugin, "estimates_residual", False))

    @property
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic that its networks can run in; float32 comes first."""
        return tuple(getattr(self.plugin, "precisions", ("float32",)))

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
        return tuple(wanted) or self.card.estimated

    def validate_options(
        self, options: Mapping[str, str], shorthands: Mapping[str, Any]
    ) -> tuple[BaseModel | None, tuple[str, ...]]:
        """Validate the options that only this plugin understands.

        Parameters
        ----------
        options : mapping of str to str
            Given by name, as ``--option KEY=VALUE``.
        shorthands : mapping
            Given by flags of their own, which not every model has.

        Returns
        -------
        options : BaseModel or None
            An instance of the plugin's class, if it has one.
        idle : tuple of str
            The shorthands that this model does not have.

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
            if key in shorthands:
                raise UsageError(f"{key} is given twice: by its own flag and by --option")
        idle = tuple(name for name in shorthands if name not in names)
        if self.options is None:
            return None, idle
        used = {name: value for name, value in shorthands.items() if name in names}
        try:
            return self.options.model_validate(dict(options) | used), idle
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(map(str, detail["loc"])) or "options"
            message = detail["msg"].removeprefix("Value error, ")
            raise UsageError(f"option {key} of {self.card.name}: {message}") from None
