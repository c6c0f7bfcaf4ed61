"""An order: everything that a config asks for, worked out once for a whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..audio.formats import Encoding
from ..models.cards import ModelCard
from ..models.default import choose_model, likely_card
from ..models.interface import Request
from ..models.known import KnownModel
from ..models.registry import Registry
from ..options.config import (
    AUTO,
    CHANGES_FILES,
    CHANGES_SOUND,
    SHORTHANDS,
    SeparationConfig,
)
from ..stems.names import Namer
from ..stems.recipe import Recipe
from .plan import Plan

if TYPE_CHECKING:
    from ..models.store import Report

_SEEN_ON_THE_PAGE = frozenset(("targets", "tags"))
_ALWAYS_SHOWN = frozenset(("niter",))


@dataclass(frozen=True)
class Order:
    """What a config asks for, worked out. Frozen and picklable.

    Make one with `Order.of`, which looks at nothing but the catalogue. While
    `open` is true the config leaves the model to the program, and `settled`
    decides on it, perhaps by fetching.

    Attributes
    ----------
    config : SeparationConfig
    card : ModelCard
        The model; while the order is open, the one that it will be if nothing
        is in the way.
    plan : Plan
    options : BaseModel or None
        The model's own options, validated.
    idle : tuple of str
        Options given that this model does not have.
    encoding : Encoding
    namer : Namer
    """

    config: SeparationConfig
    card: ModelCard
    plan: Plan
    options: BaseModel | None
    idle: tuple[str, ...]
    encoding: Encoding
    namer: Namer

    @classmethod
    def of(cls, config: SeparationConfig, registry: Registry) -> Order:
        """Work out what a config asks for, without fetching anything.

        Raises
        ------
        UsageError
            If the options make no sense together or for the model.
        ModelError
            If there is no such model.
        """
        encoding = Encoding.of(
            config.format, config.bit_depth, config.quality, config.clip, config.sample_rate
        )
        model = config.model
        known = registry.resolve(likely_card(registry, model).name if model == AUTO else model)
        return cls._with(config, known, encoding)

    @classmethod
    def _with(cls, config: SeparationConfig, known: KnownModel, encoding: Encoding) -> Order:
        card = known.card
        known.pick_targets(config.targets)
        plan = Plan.of(config, card, known.estimates_residual)
        options, idle = known.validate_options(config.options, config.shorthands())
        namer = Namer.of(config.filename, config.outdir, card.name, config.format, plan.names)
        return cls(config, card, plan, options, idle, encoding, namer)

    @property
    def open(self) -> bool:
        """Whether the model is still to be decided on."""
        return self.config.model == AUTO

    def settled(self, registry: Registry, progress: Report | None = None) -> Order:
        """Return the order with its model decided on; see `unmixcli.models.default`.

        Parameters
        ----------
        registry : Registry
        progress : callable, optional
            Takes a `unmixcli.models.store.FetchEvent` while files are fetched.

        Raises
        ------
        ModelError
            If a file cannot be stored and there is nothing to fall back on.
        """
        if not self.open:
            return self
        offline = self.config.offline
        targets = self.plan.targets
        model = choose_model(registry, AUTO, targets, offline=offline, progress=progress)
        config = self.config.model_copy(update={"model": model})
        return self._with(config, registry.resolve(model), self.encoding)

    @property
    def request(self) -> Request[BaseModel | None]:
        """What the model is asked for each mixture."""
        return Request(self.options, self.plan.residual, self.config.temp_dir)

    @property
    def recipe(self) -> Recipe:
        """All that decides what the stems are; of a model whose weights are here."""
        config = self.config
        fields = CHANGES_SOUND | CHANGES_FILES
        options = config.model_dump(mode="json", include=set(fields))
        options["targets"] = list(self.plan.targets)
        own = {} if self.options is None else self.options.model_dump(mode="json")
        return Recipe.of(self.card, self.plan.targets, options, own, self.plan.names)

    @property
    def settings(self) -> tuple[str, ...]:
        """The options that changed the stems, as one would type them."""
        config = self.config
        shown = []
        for name, field in type(config).model_fields.items():
            value = getattr(config, name)
            if name in (CHANGES_SOUND | CHANGES_FILES) - _SEEN_ON_THE_PAGE and (
                value != field.default
            ):
                shown.append(_flag(name, value))
        for name, field in type(self.options).model_fields.items() if self.options else ():
            value = getattr(self.options, name)
            if value != field.default or name in _ALWAYS_SHOWN:
                shown.append(
                    _flag(name, value) if name in SHORTHANDS else f"--option {name}={value}"
                )
        return tuple(shown)


def _flag(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, (tuple, list)):
        value = ",".join(map(str, value))
    if isinstance(value, float):
        value = f"{value:g}"
    return flag if value is True else f"{flag} {value}"
