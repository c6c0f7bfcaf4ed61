"""Print the results of the `unmix models` commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatch

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from ..models.store import FetchEvent, Report, silent
from ..words import plain
from .console import print_json, stderr, stdout
from .models_result import (
    AddResult,
    FetchResult,
    InfoResult,
    ListResult,
    PathResult,
    RemoveResult,
    VerifyResult,
)

PUBLISHED = "published medians on the MUSDB18 test set"


def show(result: BaseModel, as_json: bool) -> None:
    """Print a result on stdout."""
    if as_json:
        print_json(result)
        return
    content = render(result)
    if isinstance(content, str):  # a path: never wrap, colour or interpret it
        print(content)
        return
    if isinstance(result, ListResult):
        for reason in result.left_out:
            notice(f"left out: {reason}")
    # Do not wrap lines in a pipe.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    stdout(width).print(content)


def notice(text: str) -> None:
    """Print a notice on stderr: neither an error nor a result."""
    stderr().print(Text(plain(text), style="yellow"), soft_wrap=True)


@singledispatch
def render(result: BaseModel) -> RenderableType:
    raise TypeError(f"no view for {type(result).__name__}")


@render.register
def _(result: ListResult) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("model", "targets", "rate", "size", "licence", "SDR dB", "here", "plugin"):
        right = name in ("rate", "size")
        table.add_column(name, justify="right" if right else "left", no_wrap=name == "model")
    for model in result.models:
        table.add_row(
            model.name,
            _pairs(list(model.targets)),
            f"{model.sample_rate / 1000:g} kHz",
            _size(model.size, model.size_exact),
            Text(model.licence, style="yellow" if model.restriction else ""),
            _pairs([f"{model.quality[t]:.1f}" for t in model.targets if t in model.quality])
            + ("*" if model.quality_on else ""),
            model.here,
            model.plugin,
        )
    notes = [Text(f"* {m.name}: {m.quality_on}") for m in result.models if m.quality_on]
    notes += [Text(m.restriction, style="yellow") for m in result.models if m.restriction]
    return Group(table, *notes)


@render.register
def _(result: InfoResult) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(result):
        if value:
            facts.add_row(name, value)
    files = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("file", "targets", "size", "here", "digest"):
        files.add_column(name, overflow="fold" if name == "digest" else "ellipsis")
    for file in result.files:
        here = {"here": "yes", "partial": "part", "missing": "no"}[file.state]
        size = _size(file.size, file.size_exact)
        files.add_row(file.file, " ".join(file.targets), size, here, _short(file.digest))
    options = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("--option", "type", "default", "meaning"):
        options.add_column(name, no_wrap=name == "--option")
    for option in result.options:
        options.add_row(option.name, option.type, str(option.default), option.help)
    parts: list[RenderableType] = [facts]
    parts += [Padding(files, (1, 0, 0, 0), expand=False)] if result.files else []
    parts += [Padding(options, (1, 0, 0, 0), expand=False)] if result.options else []
    return Group(*parts)


def _facts(model: InfoResult) -> list[tuple[str, str | Text]]:
    channels = {None: "any channels", 1: "mono", 2: "stereo"}
    quality = ", ".join(f"{target} {sdr:.2f}" for target, sdr in model.quality.items())
    return [
        ("model", f"{model.plugin}:{model.name}"),
        ("what", model.title),
        ("made of", ", ".join(model.members)),
        ("targets", ", ".join(model.targets)),
        (
            "audio",
            f"{model.sample_rate / 1000:g} kHz, "
            f"{channels.get(model.channels, f'{model.channels} channels')}",
        ),
        ("licence", model.licence),
        ("restriction", Text(model.restriction, style="yellow") if model.restriction else ""),
        ("trained on", model.provenance),
        ("quality", f"SDR in dB: {quality} ({model.quality_on or PUBLISHED})" if quality else ""),
        ("size", _size(model.size, model.size_exact) if model.files else ""),
        (
            "parameters",
            ", ".join(
                f"{key} {value}"
                for key, value in model.parameters.items()
                if not isinstance(value, (dict, list))
            ),
        ),
        ("from", Text(_source(model))),
        ("folder", Text(str(model.files[0].path.parent)) if model.files else ""),
    ]


def _source(model: InfoResult) -> str:
    urls = [url for file in model.files for url in file.urls]
    return "" if not urls else urls[0] if len(urls) == 1 else f"{urls[0]} and {len(urls) - 1} more"


@render.register
def _(result: FetchResult) -> RenderableType:
    lines = []
    for model in dict.fromkeys(file.model for file in result.files):
        files = [file for file in result.files if file.model == model]
        good = [file for file in files if not file.error]
        amount = sum(file.fetched for file in good)
        lines.append(
            f"{model}: {len(good)} of {len(files)} files here, "
            + (f"{_size(amount, True)} fetched" if amount else "nothing fetched")
        )
    return Text("\n".join(lines) or "no files needed")


@render.register
def _(result: VerifyResult) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for file in result.files:
        style = {"good": "green", "unknown": "yellow"}.get(file.status, "red")
        status = Text(file.status, style=style)
        table.add_row(status, file.model, file.file, file.reason)
    return table if result.files else Text("no weights on this machine")


@render.register
def _(result: RemoveResult) -> RenderableType:
    return Text(
        "\n".join(
            f"{model.model}: {_size(model.freed, True)} freed"
            if model.freed
            else f"{model.model}: nothing to remove"
            for model in result.models
        )
    )


@render.register
def _(result: PathResult) -> RenderableType:
    return str(result.folder)


@render.register
def _(result: AddResult) -> RenderableType:
    return Text("\n".join(f"{file.model}: {file.path.name} added" for file in result.files))


def _size(size: int | None, exact: bool) -> str:
    if size is None:
        return "?"
    if size == 0:
        return "-"
    amount = f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
    return ("" if exact else "~") + (amount if size >= 1e5 else f"{size / 1e3:.1f} kB")


def _short(digest: str) -> str:
    return digest if len(digest) < 25 else f"{digest[:23]}..."


def _pairs(words: list[str]) -> str:
    """Put two words on a line, so that four targets leave room for the other columns."""
    return "\n".join(" ".join(words[i : i + 2]) for i in range(0, len(words), 2))


@contextmanager
def fetch_progress(quiet: bool = False) -> Iterator[Report]:
    """Show the progress of a fetch on stderr: bars only on a terminal, notes always."""
    if quiet:
        yield silent
        return
    console = stderr()
    tasks: dict[tuple[str, str], TaskID] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def report(event: FetchEvent) -> None:
            if event.note:
                console.print(Text(plain(event.note), style="yellow"), soft_wrap=True)
                return
            key = (event.model, event.file)
            if key not in tasks:
                tasks[key] = progress.add_task(event.file, total=event.total)
            progress.update(tasks[key], completed=event.done, total=event.total)

        yield report
