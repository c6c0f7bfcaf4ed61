"""`unmix models list`: which model to take, in groups by what the models give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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

_GAP = 2
"""Spaces between columns."""

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
    return _Listing(result)


@dataclass(frozen=True)
class _Listing:
    """The tables of all groups, with as many columns of figures as the terminal has room for."""

    result: ListResult

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        result = self.result
        first = [*map(_name, result.models), *(group.title for group in GROUPS)]
        hidden: list[str] = []
        for group in GROUPS:
            models = [model for model in result.models if model.group == group.title]
            if models:
                columns, left = _columns(group, models, max(map(len, first)), options.max_width)
                hidden += left
                yield _table(columns, models)
                yield Text()
        yield from _legend(result, list(dict.fromkeys(hidden)))


@dataclass(frozen=True)
class _Column:
    title: str
    width: int
    cell: Callable[[ListedModel], str | Text]
    left: bool = False


def _columns(
    group: Group, models: Sequence[ListedModel], wide: int, room: int
) -> tuple[list[_Column], list[str]]:
    """Return the columns of a group that fit, and the yardsticks of those that do not."""
    columns = [
        _Column(group.title.capitalize(), wide, _named, left=True),
        _Column("size", 8, lambda m: size_of(m.size, m.size_exact)),
        _Column("time", 6, lambda m: time_of(m.pace)),
        _Column("here", 5, lambda m: m.here, left=True),
        _Column("licence", 9, licence_of, left=True),
    ]
    counts = {len(model.targets) for model in models}
    if len(counts) > 1 or (max(counts) > 4 and group.title.startswith("six")):
        columns.append(_Column("stems", 5, lambda m: str(len(m.targets))))
    hidden = []
    measures = list(dict.fromkeys(model.yardstick for model in models if model.yardstick))
    for measure in measures:
        cells = [quality_of(m, group) for m in models if m.yardstick == measure]
        width = max(map(len, [*(measure.split() if len(measures) > 1 else [measure]), *cells]))
        if sum(column.width + _GAP for column in columns) + width > room:
            hidden.append(measure)
        else:
            columns.append(_Column(measure, width, _figures(measure, group)))
    return columns, hidden


def _figures(measure: str, group: Group) -> Callable[[ListedModel], str]:
    return lambda model: quality_of(model, group) if model.yardstick == measure else ""


def _table(columns: Sequence[_Column], models: Sequence[ListedModel]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "left" if column.left else "right"
        # A heading of two words may have two lines.
        table.add_column(column.title, justify=justify, min_width=column.width)
        if column.title.split()[0] == column.title or column.left:
            table.columns[-1].no_wrap = True
        else:
            table.columns[-1].max_width = column.width
    for model in models:
        table.add_row(*(column.cell(model) for column in columns))
    return table


def _named(model: ListedModel) -> Text:
    return Text(_name(model), style="bold" if model.default else "")


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


def _legend(result: ListResult, hidden: Sequence[str]) -> list[Text]:
    lines = [f"time: roughly, for a song of {SONG // 60} minutes on this machine ({result.device})"]
    if any(model.yardstick for model in result.models):
        lines.append(
            "figures: mean SDR in dB (of pairs with vocals, theirs) by what it was measured on; "
            "compare only in a column"
        )
    if hidden:
        lines.append(f"a wider terminal shows figures on {', '.join(hidden)} too")
    if any(model.restriction for model in result.models):
        lines.append(
            "*: with conditions, which `unmix models info NAME` prints; unstated: its author "
            "gives no licence"
        )
    return [Text(line, style="dim") for line in lines]
