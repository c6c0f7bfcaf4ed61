"""Goals of users, and the best models for each: ``--for`` and ``--effort``.

The table is goals.toml beside this file.
"""

from __future__ import annotations

import functools
import importlib.resources
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ..errors import FetchError, ModelError, UsageError
from ..files import paths
from ..options.mixes import PRESETS, parse_sum
from ..words import nearest
from .default import IMPATIENT
from .known import KnownModel
from .registry import Registry
from .store import Report

LIMITS: dict[str, float] = {"fast": 0.1, "normal": 2.0, "best": float("inf")}
"""Longest time per second of audio, in seconds, by effort."""

_POWER = {"cuda": 120.0, "mps": 12.0}
"""Number of processor cores that a device is roughly worth."""
_MOST_CORES = 16


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Table):
    """A model for a goal."""

    model: str
    cost: float | None = None
    """The cost for what the goal needs of the model, if that is not the cost on its card."""
    targets: tuple[str, ...] = ()
    preset: str = ""


class Goal(_Table):
    """A goal of a user."""

    title: str
    choices: tuple[Choice, ...]
    targets: tuple[str, ...] = ()
    preset: str = ""


@dataclass(frozen=True)
class Ranked:
    """A model that serves a goal on this machine.

    Attributes
    ----------
    known : KnownModel
    targets : tuple of str
        The targets to request, unless a preset does.
    preset : str
    pace : float
        Approximate seconds per second of audio on the device; infinite if unknown.
    """

    known: KnownModel
    targets: tuple[str, ...]
    preset: str
    pace: float

    @property
    def needs(self) -> tuple[str, ...]:
        """The targets that its model has to estimate."""
        known = self.known.card.targets
        if not self.preset:
            return self.targets
        used = {term for _, term in parse_sum(self.preset, PRESETS[self.preset], known)}
        return tuple(target for target in known if target in used)


@functools.cache
def goals() -> dict[str, Goal]:
    """Return the goals by name."""
    text = importlib.resources.files(__package__).joinpath("goals.toml").read_text("utf-8")
    return TypeAdapter(dict[str, Goal]).validate_python(tomllib.loads(text))


def rank(registry: Registry, goal: str, device: str, targets: Sequence[str] = ()) -> list[Ranked]:
    """List the models that serve a goal, best first.

    Weights without a stated licence are never chosen automatically.

    Parameters
    ----------
    registry : Registry
    goal : str
    device : str
        A torch device.
    targets : sequence of str
        Targets that a model must have.

    Raises
    ------
    UsageError
        If the goal is unknown.
    """
    if goal not in goals():
        raise UsageError(
            f"unknown goal {goal!r}; the goals are {', '.join(goals())}{nearest(goal, goals())}"
        )
    found = []
    shipped = {known.card.name: known for known in registry.models if known.shipped}
    for choice in goals()[goal].choices:
        known = shipped.get(choice.model)
        if known and known.card.licensed and set(targets) <= set(known.card.targets):
            wanted = choice.targets or goals()[goal].targets
            preset = choice.preset or goals()[goal].preset
            cost = choice.cost or known.card.cost
            found.append(Ranked(known, wanted, preset, pace_of(cost, device)))
    return found


def pace_of(cost: float | None, device: str) -> float:
    """Return roughly how many seconds a second of audio takes; infinite if unknown.

    Parameters
    ----------
    cost : float or None
        See `ModelCard.cost`.
    device : str
        A torch device.
    """
    return float("inf") if cost is None else cost / power_of(device)


def by_effort(ranked: Sequence[Ranked], effort: str) -> list[Ranked]:
    """List the models that an effort allows, best first; then the others, fastest first."""
    limit = LIMITS[effort]
    slow = sorted((r for r in ranked if r.pace > limit), key=lambda r: r.pace)
    return [r for r in ranked if r.pace <= limit] + slow


def power_of(device: str) -> float:
    """Return roughly how many processor cores a torch device is worth."""
    kind = device.partition(":")[0]
    return _POWER.get(kind, float(min(os.cpu_count() or 1, _MOST_CORES)))


def settle(
    registry: Registry,
    ranked: Sequence[Ranked],
    needs: Callable[[Ranked], Sequence[str]],
    *,
    offline: bool = False,
    progress: Report | None = None,
) -> Ranked:
    """Return the first model whose weights are here or can be downloaded.

    Parameters
    ----------
    registry : Registry
    ranked : sequence of Ranked
        In the order of preference.
    needs : callable
        Returns the targets that one of them has to estimate.
    offline : bool
        Do not use the network.
    progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while files are downloaded.

    Raises
    ------
    ModelError
        If none is here and none can be downloaded.
    """
    # If there is another model to use, do not wait long for a server.
    policy = IMPATIENT if len(ranked) > 1 else None
    offline = offline or paths.offline()
    failed: FetchError | None = None
    for one in ranked:
        if offline or failed:
            if is_here(registry, one.known, needs(one)):
                return one
            continue
        try:
            registry.fetch(one.known, needs(one), policy=policy, progress=progress)
        except FetchError as error:
            failed = error
        else:
            return one
    if failed:
        raise failed
    name = ranked[0].known.card.name
    raise ModelError(
        f"no suitable model is on this machine, and downloads are off; run "
        f"`unmix models fetch {name}` when you have a network"
    )


def is_here(registry: Registry, known: KnownModel, targets: Sequence[str] = ()) -> bool:
    """Return whether all weights that the targets need are on this machine."""
    return all(
        registry.store.place(card, weights).state() == "here"
        for card, weights in known.card.holdings(targets or known.card.targets)
    )
