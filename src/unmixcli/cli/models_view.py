"""Print the results of the `unmix models` commands."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import singledispatch

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
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
from .console import is_live, print_json, stderr, stdout
from .models_result import (
    AddResult,
    FetchResult,
    InfoResult,
    LinksResult,
    PathResult,
    RemoveResult,
    VerifyResult,
)

PLAIN_INTERVAL = 5.0
"""Seconds between lines about a download if bars cannot be shown."""

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
    for reason in getattr(result, "left_out", ()):
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
        size = size_of(file.size, file.size_exact)
        files.add_row(file.file, " ".join(file.targets), size, here, _short(file.digest))
    options = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("--option", "type", "default", "meaning"):
        options.add_column(name, no_wrap=name == "--option")
    for option in result.options:
        default = "" if option.default is None else str(option.default)
        options.add_row(option.name, option.type, default, option.help)
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
        ("by default", ", ".join(model.default_targets)),
        (
            "audio",
            f"{model.sample_rate / 1000:g} kHz, "
            f"{channels.get(model.channels, f'{model.channels} channels')}",
        ),
        ("licence", model.licence),
        ("restriction", Text(model.restriction, style="yellow") if model.restriction else ""),
        ("trained on", model.provenance),
        ("quality", f"SDR in dB: {quality} ({model.quality_on or PUBLISHED})" if quality else ""),
        ("size", size_of(model.size, model.size_exact) if model.files else ""),
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
            + (f"{size_of(amount, True)} fetched" if amount else "nothing fetched")
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
def _(result: LinksResult) -> RenderableType:
    styles = {"ok": "green", "moved": "yellow"}
    table = Table.grid(padding=(0, 2))
    for link in result.links:
        status = Text(link.status, style=styles.get(link.status, "red"))
        reason = f"{link.url}: {link.reason}" if link.reason else link.url
        table.add_row(status, link.model, Text(reason, overflow="fold"))
    return table if result.links else Text("no addresses to check")


@render.register
def _(result: RemoveResult) -> RenderableType:
    return Text(
        "\n".join(
            f"{model.model}: {size_of(model.freed, True)} freed"
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


def size_of(size: int | None, exact: bool) -> str:
    """Format a number of bytes; an approximate one begins with ~."""
    if size is None:
        return "?"
    if size == 0:
        return "-"
    amount = f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
    return ("" if exact else "~") + (amount if size >= 1e5 else f"{size / 1e3:.1f} kB")


def _short(digest: str) -> str:
    return digest if len(digest) < 25 else f"{digest[:23]}..."


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
    live = is_live(console)
    told = time.monotonic()
    with Progress(*columns, console=console, disable=not live) as progress:

        def report(event: FetchEvent) -> None:
            nonlocal told
            if not live and not event.note and time.monotonic() - told > PLAIN_INTERVAL:
                told = time.monotonic()
                total = f" of {size_of(event.total, True)}" if event.total else ""
                line = f"{event.file}: {size_of(event.done, True)}{total}"
                console.print(Text(plain(line)), soft_wrap=True)
            if event.note:
                console.print(Text(plain(event.note), style="yellow"), soft_wrap=True)
                return
            key = (event.model, event.file)
            if key not in tasks:
                tasks[key] = progress.add_task(event.file, total=event.total)
            progress.update(tasks[key], completed=event.done, total=event.total)

        yield report


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how many of a number of things are done."""
    console = stderr()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not is_live(console)
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, count: progress.update(task, completed=done, total=count)
