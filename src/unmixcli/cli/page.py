"""`unmix page`: a listening page for stems that exist."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import OutputError, UsageError
from ..words import display
from .ui import Screen


def page(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder with the stems of one recording.", show_default=False),
    ],
    mixture: Annotated[
        Path | None,
        typer.Option(
            "--mixture",
            help="The recording itself, to compare; otherwise the file mixture.*, mix.*, "
            "original.* or master.* in the folder.",
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="The heading.", show_default=False)] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page; index.html in the folder by default."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing page.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Write a page to listen to stems that exist, also those of other programs.

    All recordings directly in the folder are stems. They are read, never changed.

    [dim]unmix page song_umxhq/ --mixture song.flac[/dim]
    [dim]unmix page separated/htdemucs/song/ --open[/dim]
    """
    from ..audio.reading import open_excerpt
    from ..separation.stem_folder import StemFolder

    path = output or folder / "index.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output {display(path)} is no page: its name has to end in .html")
    found = StemFolder.of(folder, mixture)
    if not overwrite and path.exists():
        raise OutputError(
            f"{display(path)} already exists; use --overwrite to replace it, "
            "or --output to write elsewhere"
        )
    screen = Screen(quiet)
    first = open_excerpt(next(iter(found.stems.values())))
    with screen.session(), screen.track(first) as progress:
        found.make_page(path, title, progress)
    screen.note(f"{', '.join(found.stems)}" + (" and the mixture" if found.mixture else ""))
    print(display(path))
    if show:
        open_page(path)


def open_page(path: Path) -> None:
    """Open a page in the browser, if this machine has a screen to show it."""
    if has_screen():
        typer.launch(str(path.absolute()))


def has_screen() -> bool:
    """Return whether this machine probably has a screen."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
