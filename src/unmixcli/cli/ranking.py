"""`unmix models list --for GOAL`: the models that serve a goal, best first."""

from __future__ import annotations

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..models.goals import by_effort, goals, is_here, rank
from ..models.registry import Registry
from .models_view import render


class RankedModel(BaseModel):
    """A model that serves a goal."""

    model: str
    title: str
    licence: str
    quality: dict[str, float]
    quality_on: str
    pace: float
    """About how many seconds a second of audio takes on this machine."""
    efforts: list[str]
    """The values of --effort that choose it where nothing is missing."""
    here: bool
    """Whether all its weights are on this machine."""


class RankResult(BaseModel):
    """The models that serve a goal, best first."""

    goal: str
    title: str
    device: str
    models: list[RankedModel]


def ranking(registry: Registry, goal: str, device: str) -> RankResult:
    """Rank the models for a goal on a device.

    Raises
    ------
    UsageError
        If there is no such goal.
    """
    ranked = rank(registry, goal, device)
    efforts: dict[str, list[str]] = {}
    for effort in ("fast", "normal", "best") if ranked else ():
        chosen = by_effort(ranked, effort)[0].known.card.name
        efforts.setdefault(chosen, []).append(effort)
    models = [
        RankedModel(
            model=one.known.card.name,
            title=one.known.card.title,
            licence=one.known.card.licence,
            quality=one.known.card.quality,
            quality_on=one.known.card.quality_on,
            pace=round(one.pace, 3),
            efforts=efforts.get(one.known.card.name, []),
            here=is_here(registry, one.known, one.needs),
        )
        for one in ranked
    ]
    return RankResult(goal=goal, title=goals()[goal].title, device=device, models=models)


@render.register
def _(result: RankResult) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("model", "what", "× length", "--effort", "here", "licence"):
        table.add_column(name, justify="right" if name == "× length" else "left")
    for model in result.models:
        table.add_row(
            model.model,
            model.title,
            f"{model.pace:.2g}",
            ", ".join(model.efforts),
            "yes" if model.here else "no",
            model.licence,
        )
    return Group(Text(f"For {result.goal}, {result.title}; best first, on {result.device}:"), table)
