"""`unmix doctor`: one screen that shows what works and how to fix what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .console import print_json, stdout

if TYPE_CHECKING:
    from ..doctor import Diagnosis

_MARKS = {"good": ("✓", "green"), "note": ("!", "yellow"), "broken": ("✗", "bold red")}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check this installation: versions, devices, formats, folders, plugins and models.

    Shows how to fix what is broken, and exits with code 1 if anything is.
    """
    from ..doctor import examine

    diagnosis = examine()
    if as_json:
        print_json(diagnosis)
    else:
        _show(diagnosis)
    if not diagnosis.healthy:
        raise typer.Exit(1)


def _show(diagnosis: Diagnosis) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, max_width=28, overflow="ellipsis")
    table.add_column(overflow="fold")
    area = ""
    for finding in diagnosis.findings:
        mark, style = _MARKS[finding.status]
        detail = Text(finding.detail)
        if finding.remedy:
            detail.append(f"\n→ {finding.remedy}", style=style)
        shown = "" if finding.area == area else finding.area
        table.add_row(shown, Text(mark, style=style), Text(finding.name), detail)
        area = finding.area
    console = stdout()
    console.print(table)
    broken = sum(finding.status == "broken" for finding in diagnosis.findings)
    if broken:
        things = "thing is" if broken == 1 else "things are"
        console.print(Text(f"{broken} {things} broken", style="bold red"))
    else:
        console.print(Text("nothing is broken", style="green"))
