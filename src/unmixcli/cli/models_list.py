"""`unmix models list`: which model to take, in groups by what the models give."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..models.default import PREFERRED
from ..models.goals import pace_of
from ..models.groups import GROUPS, Group, figure, group_of, licence_word, recommended
from ..models.known import KnownModel
from ..models.registry import Registry
from ..words import about
from .models_result import ModelSummary, summarise
from .models_view import render, size_of

SONG = 240
"""Length in seconds of the song that the column of times is about."""

SORTS = ("quality", "size", "speed")
"""The values of --sort."""


class ListedModel(ModelSummary):
    """One line of `unmix models list`."""

    group: str
    default: bool
    """Whether it is used if no model is named."""
    pace: float | None
    """Roughly how many seconds a second of audio takes on this machine; None if unknown."""
    figure: float | None
    """Mean SDR in dB over ``figure_of``."""
    figure_of: tuple[str, ...]


class ListResult(BaseModel):
    """The models in the order in which they are shown."""

    device: str
    models: list[ListedModel]
    left_out: list[str]
    """Broken plugins and catalogues, each with the reason."""


def listing(registry: Registry, device: str, sort: str = "") -> ListResult:
    """Describe all models, group by group.

    Parameters
    ----------
    registry : Registry
    device : str
        The torch device for which times are estimated.
    sort : str
        One of `SORTS`; by default, recommended models come first.
    """
    models: list[ListedModel] = []
    for group in GROUPS:
        members = [known for known in registry.models if group_of(known.card) is group]
        listed = [_listed(registry, known, group, device) for known in recommended(group, members)]
        models += in_order(listed, sort)
    problems = [str(problem) for problem in registry.problems]
    return ListResult(device=device, models=models, left_out=problems)


def _listed(registry: Registry, known: KnownModel, group: Group, device: str) -> ListedModel:
    mean, names = figure(known.card, group) or (None, ())
    pace = pace_of(known.card.cost, device)
    return ListedModel(
        **summarise(registry.store, known).model_dump(),
        group=group.title,
        default=known.shipped and known.card.name == PREFERRED,
        pace=round(pace, 4) if math.isfinite(pace) else None,
        figure=None if mean is None else round(mean, 2),
        figure_of=names,
    )


def in_order(models: Sequence[ListedModel], sort: str) -> list[ListedModel]:
    """Sort models; figures of different yardsticks are not compared."""
    if sort == "size":
        return sorted(models, key=lambda m: math.inf if m.size is None else m.size)
    if sort == "speed":
        return sorted(models, key=lambda m: math.inf if m.pace is None else m.pace)
    if sort == "quality":
        measures = list(dict.fromkeys(_measure(m) for m in models if m.figure is not None))
        return sorted(
            models,
            key=lambda m: (
                len(measures) if m.figure is None else measures.index(_measure(m)),
                -(m.figure or 0.0),
            ),
        )
    return list(models)


def _measure(model: ListedModel) -> tuple[str, tuple[str, ...]]:
    return model.yardstick, model.figure_of


@render.register
def _(result: ListResult) -> RenderableType:
    first = [*map(_name, result.models), *(group.title for group in GROUPS)]
    wide = max(map(len, first))
    parts: list[RenderableType] = []
    for group in GROUPS:
        models = [model for model in result.models if model.group == group.title]
        if models:
            parts += [_table(group, models, wide), Text()]
    return Lines(*parts, *_legend(result))


def _table(group: Group, models: Sequence[ListedModel], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(group.title.capitalize(), min_width=width, no_wrap=True)
    for name, least in (("size", 8), ("time", 6)):
        table.add_column(name, justify="right", min_width=least, no_wrap=True)
    for name, least in (("here", 5), ("licence", 9)):
        table.add_column(name, min_width=least, no_wrap=True)
    measures = list(dict.fromkeys(model.yardstick for model in models if model.yardstick))
    for measure in measures:
        cells = [quality_of(m, group) for m in models if m.yardstick == measure]
        longest = max(map(len, [*measure.split(), *cells]))
        table.add_column(measure, justify="right", width=longest)
    with_counts = len({len(model.targets) for model in models}) > 1 or group.title.startswith("six")
    if with_counts:
        table.add_column("stems", justify="right", no_wrap=True)
    for model in models:
        table.add_row(
            Text(_name(model), style="bold" if model.default else ""),
            size_of(model.size, model.size_exact),
            time_of(model.pace),
            model.here,
            licence_of(model),
            *(quality_of(model, group) if model.yardstick == m else "" for m in measures),
            *([str(len(model.targets))] if with_counts else []),
        )
    return table


def _name(model: ListedModel) -> str:
    return f"{model.name} (default)" if model.default else model.name


def time_of(pace: float | None) -> str:
    """Return the time for a song of `SONG` seconds."""
    return "?" if pace is None else about(SONG * pace)


def licence_of(model: ListedModel) -> Text:
    """Return the licence in one word, marked if there is a restriction."""
    word = licence_word(model.licence)
    return Text(f"{word}*", style="yellow") if model.restriction else Text(word)


def quality_of(model: ListedModel, group: Group) -> str:
    """Return the figure of a model, with what it is about unless that is usual in its group."""
    if model.figure is None:
        return ""
    names = model.figure_of
    if names == group.judged_by or len(names) == len(model.targets):
        return f"{model.figure:.1f}"
    about_what = names[0] if len(names) == 1 else f"{len(names)} stems"
    return f"{model.figure:.1f}, {about_what}"


def _legend(result: ListResult) -> list[Text]:
    lines = [f"time: roughly, for a song of {SONG // 60} minutes on this machine ({result.device})"]
    if any(model.yardstick for model in result.models):
        lines.append(
            "last columns: SDR in dB, mean over the stems (vocals alone where there are two), by "
            "what it was measured on; compare only within a column"
        )
    if any(model.restriction for model in result.models):
        lines.append(
            "*: with conditions, which `unmix models info NAME` prints; unstated: its author "
            "gives no licence"
        )
    return [Text(line, style="dim") for line in lines]
