"""`unmix models list --for GOAL`: the models that serve a goal, best first."""

from __future__ import annotations

import math

from pydantic import BaseModel
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..models.goals import Ranked, by_effort, goals, is_here, rank
from ..models.registry import Registry
from .models_list import SONG, ListedModel, in_order, licence_of, listing, time_of
from .models_view import render, size_of


class RankedModel(ListedModel):
    """A model that serves a goal; its pace is that for the goal."""

    efforts: list[str]
    """The values of --effort that choose it if all weights are available."""
    all_here: bool
    """Whether all weights that the goal needs are on this machine."""


class RankResult(BaseModel):
    """The models that serve a goal, best first."""

    goal: str
    title: str
    device: str
    models: list[RankedModel]


def ranking(registry: Registry, goal: str, device: str, sort: str = "") -> RankResult:
    """Rank the models for a goal on a device.

    Parameters
    ----------
    registry : Registry
    goal : str
    device : str
        A torch device.
    sort : str
        One of `models_list.SORTS`; by default, the best model comes first.

    Raises
    ------
    UsageError
        If there is no such goal.
    """
    ranked = {one.known.card.name: one for one in rank(registry, goal, device)}
    efforts: dict[str, list[str]] = {}
    for effort in ("fast", "normal", "best") if ranked else ():
        chosen = by_effort(list(ranked.values()), effort)[0].known.card.name
        efforts.setdefault(chosen, []).append(effort)
    shipped = {m.name: m for m in listing(registry, device).models if m.shipped}
    listed = {name: _for_goal(shipped[name], one) for name, one in ranked.items()}
    models = [
        RankedModel(
            **model.model_dump(),
            efforts=efforts.get(model.name, []),
            all_here=is_here(registry, ranked[model.name].known, ranked[model.name].needs),
        )
        for model in in_order(list(listed.values()), sort)
    ]
    return RankResult(goal=goal, title=goals()[goal].title, device=device, models=models)


def _for_goal(model: ListedModel, one: Ranked) -> ListedModel:
    pace = round(one.pace, 4) if math.isfinite(one.pace) else None
    return model.model_copy(update={"pace": pace})


@render.register
def _(result: RankResult) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Model", no_wrap=True)
    for name in ("size", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("here", "licence", "--effort", "what"):
        table.add_column(name, no_wrap=name != "what")
    for model in result.models:
        table.add_row(
            model.name,
            size_of(model.size, model.size_exact),
            time_of(model.pace),
            "yes" if model.all_here else "no",
            licence_of(model),
            ", ".join(model.efforts),
            model.title,
        )
    title = f"For {result.goal}, {result.title}; best first:"
    legend = f"time: roughly, for a song of {SONG // 60} minutes on this machine ({result.device})"
    return Lines(Text(title), Text(), table, Text(), Text(legend, style="dim"))
