"""What people want, and which models do it best: ``--for`` and ``--effort``.

The table is goals.toml beside this file.
"""

from __future__ import annotations

import functools
import importlib.resources
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ..errors import FetchError, ModelError, UsageError
from ..files import paths
from ..words import nearest
from .default import IMPATIENT
from .known import KnownModel
from .registry import Registry
from .store import Report

Effort = Literal["fast", "normal", "best"]

LIMITS: dict[str, float] = {"fast": 0.1, "normal": 2.0, "best": float("inf")}
"""Seconds that a second of audio may take, by effort."""

_POWER = {"cuda": 120.0, "mps": 12.0}
"""Cores of a processor that a device is about worth."""
_MOST_CORES = 16


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Table):
    """A model for a goal."""

    model: str
    cost: float
    targets: tuple[str, ...] = ()
    preset: str = ""


class Goal(_Table):
    """What somebody wants."""

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
        What to ask it for, unless a preset does.
    preset : str
    pace : float
        About how many seconds a second of audio takes on the device.
    """

    known: KnownModel
    targets: tuple[str, ...]
    preset: str
    pace: float

    @property
    def effort(self) -> Effort:
        """The least effort that allows for it."""
        names: tuple[Effort, ...] = ("fast", "normal", "best")
        return next(name for name in names if self.pace <= LIMITS[name])


@functools.cache
def goals() -> dict[str, Goal]:
    """Return the goals by name."""
    text = importlib.resources.files(__package__).joinpath("goals.toml").read_text("utf-8")
    return TypeAdapter(dict[str, Goal]).validate_python(tomllib.loads(text))


def rank(registry: Registry, goal: str, device: str, targets: Sequence[str] = ()) -> list[Ranked]:
    """List the models that serve a goal, best first.

    Weights without a stated licence are never chosen for anyone.

    Parameters
    ----------
    registry : Registry
    goal : str
    device : str
        A torch device.
    targets : sequence of str
        That a model must have.

    Raises
    ------
    UsageError
        If there is no such goal.
    """
    if goal not in goals():
        raise UsageError(
            f"there is nothing to choose a model for called {goal!r}, only "
            f"{', '.join(goals())}{nearest(goal, goals())}"
        )
    found = []
    shipped = {known.card.name: known for known in registry.models if known.shipped}
    for choice in goals()[goal].choices:
        known = shipped.get(choice.model)
        if known and known.card.licensed and set(targets) <= set(known.card.targets):
            wanted = choice.targets or goals()[goal].targets
            preset = choice.preset or goals()[goal].preset
            found.append(Ranked(known, wanted, preset, choice.cost / power_of(device)))
    return found


def by_effort(ranked: Sequence[Ranked], effort: str) -> list[Ranked]:
    """Put the best that an effort allows for first; behind them the others, the quickest first."""
    limit = LIMITS[effort]
    slow = sorted((r for r in ranked if r.pace > limit), key=lambda r: r.pace)
    return [r for r in ranked if r.pace <= limit] + slow


def power_of(device: str) -> float:
    """Return about how many cores of a processor a torch device is worth."""
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
    """Return the first model whose weights are here or can be fetched.

    Parameters
    ----------
    registry : Registry
    ranked : sequence of Ranked
        In the order of preference.
    needs : callable
        From one of them to the targets that it has to estimate.
    offline : bool
        Do not use the network.
    progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while files are fetched.

    Raises
    ------
    ModelError
        If none is here and none can be fetched.
    """
    # Where there is something else to use, nobody waits for a server.
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
        f"no model that does that is here and the network may not be used; run "
        f"`unmix models fetch {name}` where there is one"
    )


def is_here(registry: Registry, known: KnownModel, targets: Sequence[str] = ()) -> bool:
    """Tell whether all weights that targets need are on this machine."""
    return all(
        registry.store.place(card, weights).state() == "here"
        for card, weights in known.card.holdings(targets or known.card.targets)
    )
