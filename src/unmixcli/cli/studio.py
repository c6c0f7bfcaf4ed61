"""`unmix studio`: separation in a browser."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..files import paths
from ..words import display
from .console import stderr
from .page import has_screen

NEEDED = ("starlette", "uvicorn")


def studio(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port to listen on; 0 for any free one.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on; others than 127.0.0.1 let others in."),
    ] = "127.0.0.1",
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            envvar="UNMIX_STUDIO_PASSWORD",
            help="Password that people give; needed with --host.",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            help="Name of this server in browsers, behind a proxy; repeatable.",
            show_default=False,
        ),
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option(
            "--library",
            help="Folder for songs and stems; by default, unmix in your music folder.",
            show_default=False,
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the browser.")
    ] = False,
) -> None:
    """Separate songs in the browser: drop them, listen, save mixes. All of it on this machine.

    Ctrl+C stops it; what was not finished goes on at the next start.

    [dim]unmix studio[/dim]
    [dim]unmix studio --library ~/stems --port 9000[/dim]
    """  # fmt: skip
    if not all(importlib.util.find_spec(package) for package in NEEDED):
        raise UsageError("unmix studio needs more packages: pip install 'unmixcli[studio]'")
    from ..studio.server import serve

    folder = paths.expand(library) if library else paths.library_dir()

    def ready(address: str) -> None:
        print(address, flush=True)
        stderr().print(f"The library is {display(folder)}. Ctrl+C stops the studio.")
        if not no_browser and has_screen():
            typer.launch(address)

    with contextlib.suppress(KeyboardInterrupt):  # the usual way to stop it
        serve(folder, host, port, password, name or (), ready)
