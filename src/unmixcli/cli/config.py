"""`unmix config`: the defaults of the user's own and where they are from."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ..options.settings import Settings, config_file, unknown_variables, variable_of

app = typer.Typer(no_args_is_help=True, help="Show your own defaults and where they are from.")


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the value of every option and where it is from.

    A default of your own comes from config.toml or from a variable such as UNMIX_FORMAT, which
    wins over it; an option on the command line wins over both.
    """
    settings = Settings.load()
    values = settings.config().model_dump(mode="json")
    rows = [(name, value, settings.source(name)) for name, value in values.items()]
    if as_json:
        content = {
            "file": str(config_file()),
            "file_exists": config_file().is_file(),
            "settings": [
                {"name": name, "value": value, "source": source, "variable": variable_of(name)}
                for name, value, source in rows
            ],
            "ignored": unknown_variables(),
        }
        print(json.dumps(content, indent=2))
        return
    _print_table(rows)


@app.command()
def path() -> None:
    """Print where config.toml is, or would be."""
    print(config_file())


def _print_table(rows: list[tuple[str, Any, str]]) -> None:
    import sys

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("option", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for name, value, source in rows:
        style = "dim" if source == "default" else ""
        table.add_row(Text(name.replace("_", "-")), Text(_shown(value)), Text(source), style=style)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(table)
    exists = "" if config_file().is_file() else " (not there)"
    console.print(Text(f"file: {config_file()}{exists}"), soft_wrap=True)
    for name in unknown_variables():
        console.print(Text(f"{name} is set, but there is no such option"), style="yellow")


def _shown(value: Any) -> str:
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={content}" for key, content in value.items())
    return str(value)
