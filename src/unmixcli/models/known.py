"""A known model: its card, its plugin, and the checks on a request to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError

from ..errors import UsageError
from ..words import nearest
from .cards import ModelCard

if TYPE_CHECKING:
    from .interface import Plugin


@dataclass(frozen=True)
class KnownModel:
    """A card and the plugin that loads it."""

    card: ModelCard
    plugin: Plugin
    shipped: bool = False
    parts: tuple[KnownModel, ...] = ()
    """The models of the card's members, in their order."""

    @property
    def options(self) -> type[BaseModel] | None:
        """The pydantic class of the plugin's own options, if it has any."""
        return getattr(self.plugin, "options", None)

    @property
    def estimates_residual(self) -> bool:
        """Whether the plugin's models estimate the residual themselves."""
        return bool(getattr(self.plugin, "estimates_residual", False))

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the plugin's networks support, float32 first."""
        if self.parts:  # a member without the wanted precision runs in float32
            return tuple(dict.fromkeys(kind for part in self.parts for kind in part.precisions))
        return tuple(getattr(self.plugin, "precisions", ("float32",)))

    @property
    def option_names(self) -> list[str]:
        """The names of its options, including those of its parts."""
        names = list(self.options.model_fields) if self.options else []
        return list(dict.fromkeys([*names, *(n for part in self.parts for n in part.option_names)]))

    def pick_targets(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the targets to estimate: the wanted ones, or those that the usual ones need.

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
        return tuple(wanted) or self.card.whole

    def validate_options(
        self, options: Mapping[str, str], shorthands: Mapping[str, Any]
    ) -> tuple[BaseModel | None, tuple[str, ...]]:
        """Validate the plugin's own options.

        Parameters
        ----------
        options : mapping of str to str
            Options given as ``--option KEY=VALUE``.
        shorthands : mapping
            Options given by their own flags, which only some models support.

        Returns
        -------
        options : BaseModel or None
            An instance of the plugin's class, if it has one.
        idle : tuple of str
            The given shorthands that this model does not support.

        Raises
        ------
        UsageError
            If the plugin does not have an option, or its value is invalid.
        """
        if self.parts:
            return self._validate_parts(options, shorthands)
        names = self.option_names
        for key in options:
            if key not in names:
                has = f"only {', '.join(names)}" if names else "and no other option"
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

    def _validate_parts(
        self, options: Mapping[str, str], shorthands: Mapping[str, Any]
    ) -> tuple[PartsOptions, tuple[str, ...]]:
        """Pass each part the options that it supports."""
        known = self.option_names
        for key in options:
            if key not in known:
                raise UsageError(
                    f"no model in {self.card.name} has an option {key!r}, only "
                    f"{', '.join(known) or 'none'}{nearest(key, known)}"
                )
        mine = set(self.options.model_fields) if self.options else set()
        own = KnownModel(self.card, self.plugin).validate_options(_only(options, mine), {})[0]
        parts = []
        for part, member in zip(self.parts, self.card.members, strict=True):
            names = set(part.option_names)
            preset = {k: v for k, v in member.options.items() if k not in shorthands}
            given = preset | _only(options, names - mine)
            parts.append(part.validate_options(given, _only(shorthands, names))[0])
        idle = tuple(name for name in shorthands if name not in known)
        return PartsOptions(own=own, parts=tuple(parts)), idle


class PartsOptions(BaseModel):
    """The options of a model that combines others.

    Attributes
    ----------
    own : BaseModel or None
        Its own.
    parts : tuple
        Those of its parts, in their order.
    """

    model_config = ConfigDict(frozen=True)

    own: SerializeAsAny[BaseModel] | None
    parts: tuple[SerializeAsAny[BaseModel] | None, ...]


def _only(options: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in names}
