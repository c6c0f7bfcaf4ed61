"""`unmix config`: the user's defaults and where they come from."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ..options.settings import Settings, config_file, unknown_variables, variable_of
from .console import stdout

app = typer.Typer(no_args_is_help=True, help="Show your defaults and where they come from.")


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the value of every option and where it comes from.

    Set your defaults in config.toml or in variables such as UNMIX_FORMAT. Variables win over the
    file; options on the command line win over both.
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
    """Print the path of config.toml, even if it does not exist yet."""
    print(config_file())


def _print_table(rows: list[tuple[str, Any, str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("option", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for name, value, source in rows:
        style = "dim" if source == "default" else ""
        table.add_row(Text(name.replace("_", "-")), Text(_shown(value)), Text(source), style=style)
    console = stdout(200)
    console.print(table)
    exists = "" if config_file().is_file() else " (not there)"
    console.print(Text(f"file: {config_file()}{exists}"), soft_wrap=True)
    for name in unknown_variables():
        console.print(Text(f"{name} is set, but it is not an option"), style="yellow")


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
