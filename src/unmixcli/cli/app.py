"""The command `unmix`: its subcommands, and the exit code after an error or a signal."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ..errors import UnmixError
from . import config, models
from .demo import demo
from .doctor import doctor
from .evaluate import evaluate
from .separate import separate
from .ui import INTERRUPTED, print_error

app = typer.Typer(
    name="unmix",
    help="Take a mixed recording apart into stems: vocals, drums, bass and the rest.",
    epilog="unmix separate song.flac   ·   unmix models list   ·   unmix COMMAND --help",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(separate)
app.add_typer(models.app, name="models")
app.command()(demo)
app.command()(evaluate)
app.command()(doctor)
app.add_typer(config.app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"unmix {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except UnmixError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone, so printing more is useless.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Exit through the clean-up of unfinished files."""
    raise SystemExit(128 + number)
