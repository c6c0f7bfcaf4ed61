"""Hooks of the documentation build: generate the command reference from the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import metadata
from typing import Any

import typer
from mkdocs.structure.files import File, Files
from rich.text import Text

from unmixcli.cli.app import app
from unmixcli.options.config import SeparationConfig

# Links that work in the repository but have no page in the documentation.
_ELSEWHERE = re.compile(r"\[([^\]]+)\]\((\.\./|examples/)([^)]*)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the page of commands."""
    files.append(File.generated(config, "commands.md", content=reference()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links out of the documentation to the repository, and insert the library's options."""
    return _ELSEWHERE.sub(_in_repository, markdown).replace("<!-- options -->", _fields())


def _in_repository(link: re.Match[str]) -> str:
    urls = dict(url.split(", ", 1) for url in metadata("unmixcli").get_all("Project-URL") or [])
    folder = "docs/examples/" if link[2] == "examples/" else ""
    return f"[{link[1]}]({urls['Source']}/tree/main/{folder}{link[3]})"


def reference() -> str:
    """Return the reference of all commands as Markdown."""
    lines = [
        "# Commands",
        "",
        "The output of `--help` for all commands. Results go to stdout, everything else to stderr.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | everything succeeded |",
        "| 1 | something failed, such as a recording that cannot be read; the rest succeeded |",
        "| 2 | the options are invalid: an unknown option, a value out of range |",
        "| 3 | a model or its weights are missing, unavailable or damaged |",
        "| 130 | interrupted |",
        "",
    ]
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        lines += _describe(f"unmix {name}", command, 2)
    return "\n".join(lines) + "\n"


def _fields() -> str:
    rows = [
        (f"`{name}`", f"`{field.default!r}`", _plain(field.description or ""))
        for name, field in SeparationConfig.model_fields.items()
    ]
    lines = ["| field | default | |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _describe(name: str, command: Any, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} `{name}`"
    yield ""
    yield from _help(command.help or "")
    subcommands = getattr(command, "commands", None)
    if subcommands:
        for sub, inner in subcommands.items():
            yield from _describe(f"{name} {sub}", inner, depth + 1)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *map(_metavar, arguments)])
    yield from ("```text", usage, "```", "")
    rows = [(f"`{_metavar(a)}`", _plain(a.help or "")) for a in arguments if a.help]
    yield from _table("argument", rows)
    panels = dict.fromkeys(getattr(o, "rich_help_panel", None) or "" for o in options)
    for panel in panels:
        chosen = [o for o in options if (getattr(o, "rich_help_panel", None) or "") == panel]
        if panel:
            yield from (f"**{panel}**", "")
        yield from _table("option", [(_option(o), _plain(o.help or "")) for o in chosen])


def _help(text: str) -> Iterator[str]:
    """Yield a command's description; its dim lines are examples."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("[dim]"):
            yield from ("```console", *(f"$ {_plain(line)}" for line in paragraph.split("\n")))
            yield from ("```", "")
        else:
            yield from (_plain(paragraph), "")


def _table(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield from (f"| {title} | |", "|---|---|")
        yield from (f"| {left} | {right} |" for left, right in rows)
        yield ""


def _option(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return f"`{names}`"
    return f"`{names} {option.metavar or option.name.upper()}`"


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _plain(text: str) -> str:
    return Text.from_markup(text).plain.replace("|", "\\|").replace("<", "&lt;")
