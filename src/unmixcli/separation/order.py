"""An order: everything that follows from a config, worked out once for a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..audio.formats import Encoding
from ..errors import ModelError
from ..models.cards import ModelCard
from ..models.default import PREFERRED, choose_model
from ..models.goals import Ranked, by_effort, rank, settle
from ..models.interface import Request
from ..models.known import KnownModel, PartsOptions
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
from .device import resolve_device
from .plan import Plan

if TYPE_CHECKING:
    from ..models.store import Report

_SEEN_ON_THE_PAGE = frozenset(("targets", "tags"))
_ALWAYS_SHOWN = frozenset(("niter",))

AVERAGING = frozenset(("shifts", "polarity", "exchange"))
"""Options that every model accepts; see `unmixcli.models.combined.options`."""


@dataclass(frozen=True)
class Order:
    """Everything that follows from a config. Frozen and picklable.

    Create one with `Order.of`, which reads only the catalogue. While `open` is
    true the model is ``auto``; `settled` chooses it, and downloads it if
    needed.

    Attributes
    ----------
    config : SeparationConfig
    card : ModelCard
        The model; while the order is open, the one that will probably be
        chosen.
    plan : Plan
    options : BaseModel or None
        The model's own options, validated.
    idle : tuple of str
        Given options that this model does not have.
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
    note: str = ""
    """A note about the choice of the model, if the program chose it."""

    @classmethod
    def of(cls, config: SeparationConfig, registry: Registry) -> Order:
        """Work out an order without downloading anything.

        Raises
        ------
        UsageError
            If the options contradict each other or do not fit the model.
        ModelError
            If the model is unknown.
        """
        # A loudness must not be reached by clipping, unless that is asked for.
        clip = config.clip or (None if config.loudness is None else "rescale")
        encoding = Encoding.of(
            config.format, config.bit_depth, config.quality, clip, config.sample_rate
        )
        if config.goal:
            first = _ranked(config, registry)[0]
            return cls._with(_asked(config, first), _known(config, first.known, registry), encoding)
        name = PREFERRED if config.model == AUTO else config.model
        return cls._with(config, _known(config, registry.resolve(name), registry), encoding)

    @classmethod
    def _with(
        cls, config: SeparationConfig, known: KnownModel, encoding: Encoding, note: str = ""
    ) -> Order:
        card = known.card
        known.pick_targets(config.targets)
        plan = Plan.of(config, card, known.estimates_residual)
        options, idle = known.validate_options(config.options, config.shorthands())
        namer = Namer.of(config.filename, config.outdir, card.name, config.format, plan.names)
        return cls(config, card, plan, options, idle, encoding, namer, note)

    @property
    def open(self) -> bool:
        """Whether the model has not been chosen yet."""
        return self.config.model == AUTO

    def settled(self, registry: Registry, progress: Report | None = None) -> Order:
        """Return the order with its model chosen; see `unmixcli.models.default`.

        Parameters
        ----------
        registry : Registry
        progress : callable, optional
            Takes a `unmixcli.models.store.FetchEvent` while files are downloaded.

        Raises
        ------
        ModelError
            If a file cannot be stored and there is no other model to use.
        """
        if not self.open:
            return self
        config = self.config
        if config.goal:
            return self._settled_for_goal(registry, progress)
        model = choose_model(
            registry, AUTO, self.plan.targets, offline=config.offline, progress=progress
        )
        config = config.model_copy(update={"model": model})
        note = f"{model} is quick; for better stems add --for stems" if model == PREFERRED else ""
        return self._with(config, self.known(registry, model), self.encoding, note)

    def _settled_for_goal(self, registry: Registry, progress: Report | None) -> Order:
        config = self.config

        def order_of(one: Ranked, note: str = "") -> Order:
            asked = _asked(config, one)
            named = asked.model_copy(update={"model": one.known.card.name, "goal": None})
            known = _known(config, one.known, registry)
            return self._with(named, known, self.encoding, note)

        ranked = _ranked(config, registry)
        chosen = settle(
            registry,
            ranked,
            lambda one: order_of(one).plan.targets,
            offline=bool(config.offline),
            progress=progress,
        )
        card = chosen.known.card
        return order_of(
            chosen,
            f"chosen for {config.goal}: {card.name} ({card.title}; licence: {card.licence}); "
            f"to choose it yourself: --model {card.name}"
            + (f" --preset {chosen.preset}" if chosen.preset else ""),
        )

    def known(self, registry: Registry, model: str = "") -> KnownModel:
        """Return the model of the order, or another one with the order's options."""
        return _known(self.config, registry.resolve(model or self.config.model), registry)

    @property
    def request(self) -> Request[BaseModel | None]:
        """The request to the model for each mixture."""
        return Request(self.options, self.plan.residual, self.config.temp_dir)

    @property
    def recipe(self) -> Recipe:
        """Everything that determines the stems; the weights must be on this machine."""
        config = self.config
        fields = CHANGES_SOUND | CHANGES_FILES
        options = config.model_dump(mode="json", include=set(fields))
        options["targets"] = list(self.plan.targets)
        own = {} if self.options is None else self.options.model_dump(mode="json")
        return Recipe.of(self.card, self.plan.targets, options, own, self.plan.names)

    @property
    def settings(self) -> tuple[str, ...]:
        """The options that changed the stems, as typed on the command line."""
        config = self.config
        shown = []
        for name, field in type(config).model_fields.items():
            value = getattr(config, name)
            if name in (CHANGES_SOUND | CHANGES_FILES) - _SEEN_ON_THE_PAGE and (
                value != field.default
            ):
                shown.append(_flag(name, value))
        shown += _options_of(self.options)
        return tuple(dict.fromkeys(shown))


def _known(config: SeparationConfig, known: KnownModel, registry: Registry) -> KnownModel:
    """Wrap a model to be averaged over views of the mixture, if the options ask for that."""
    wanted = AVERAGING & set(config.options)
    own = set(known.options.model_fields) if known.options else set()
    return registry.averaged(known) if wanted - own else known


def _ranked(config: SeparationConfig, registry: Registry) -> list[Ranked]:
    """List the models for the goal of a config, best choice first."""
    assert config.goal is not None
    ranked = rank(registry, config.goal, resolve_device(config.device), config.targets)
    if not ranked:
        raise ModelError(f"no installed model serves {config.goal}; see `unmix models list`")
    return by_effort(ranked, config.effort)


def _asked(config: SeparationConfig, one: Ranked) -> SeparationConfig:
    """Ask for what a goal wants, unless the config says itself what to write."""
    if config.targets or config.mix or config.preset:
        return config
    if one.preset:
        return config.model_copy(update={"preset": (one.preset,)})
    return config.model_copy(update={"targets": one.targets})


def _options_of(options: BaseModel | None) -> Iterator[str]:
    """Yield a model's options that are not defaults, including those of its parts."""
    if isinstance(options, PartsOptions):
        for part in (options.own, *options.parts):
            yield from _options_of(part)
        return
    for name, field in type(options).model_fields.items() if options else ():
        value = getattr(options, name)
        if value != field.default or name in _ALWAYS_SHOWN:
            yield _flag(name, value) if name in SHORTHANDS else f"--option {name}={value}"


def _flag(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, (tuple, list)):
        value = ",".join(map(str, value))
    if isinstance(value, float):
        value = f"{value:g}"
    return flag if value is True else f"{flag} {value}"
