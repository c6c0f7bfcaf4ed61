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
from .command import run, tidy
from .console import prepare, print_error
from .demo import demo
from .doctor import doctor
from .evaluate import evaluate
from .page import page
from .separate import separate
from .studio import studio
from .ui import INTERRUPTED

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
app.command()(page)
app.command()(studio)
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
        typer.Option(
            "--version", "-V", is_eager=True, callback=_print_version, help="Show the version."
        ),
    ] = False,
) -> None:
    pass


class _Terminated(BaseException):
    """SIGTERM. No `SystemExit`, which is caught where a plugin could be its source."""


def main() -> NoReturn:
    """Run the command and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    prepare()
    try:
        try:
            code = run(tidy(typer.main.get_command(app)), sys.argv[1:])
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where a full disk can be reported
    except UnmixError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(INTERRUPTED)
    except _Terminated:
        sys.exit(128 + signal.SIGTERM)
    except BrokenPipeError:
        # The reader of our output is gone, so printing more is useless.
        _give_up_stdout()
        sys.exit(1)
    except OSError as error:
        _give_up_stdout()
        print_error(f"the output cannot be printed: {error.strerror}")
        sys.exit(1)
    sys.exit(code)


def _give_up_stdout() -> None:
    """Stop Python from printing the same output again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Exit through the clean-up of unfinished files."""
    raise _Terminated
