"""The two places that text goes to, results to stdout and all else to stderr. Owns rich's consoles.

There is one console for stderr, so that a message that comes while a bar of
progress is live does not run into it.
"""

from __future__ import annotations

import os
import sys
from functools import cache

from rich.console import Console
from rich.text import Text


@cache
def stderr() -> Console:
    """Return the console for progress, notes and errors."""
    return Console(stderr=True, highlight=False, _environ=_environment())


def stdout(width: int | None = None, *, wrap: bool = True) -> Console:
    """Return a console for results; without a terminal it may be as wide as ``width``."""
    wide = None if sys.stdout.isatty() else width
    return Console(highlight=False, width=wide, soft_wrap=not wrap, _environ=_environment())


def prepare() -> None:
    """Set up the streams for one run of the command."""
    stderr.cache_clear()
    for stream in (sys.stdout, sys.stderr):
        # A code page without some character is no reason to fail.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def line(text: object) -> str:
    """Put text of any origin on one line that cannot control the terminal."""
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)


def print_error(error: object) -> None:
    """Print one sentence on stderr."""
    stderr().print(Text.assemble(("error: ", "bold red"), line(error)), soft_wrap=True)


def _environment() -> dict[str, str]:
    """Return the environment without a width or height that no terminal has."""
    environment = dict(os.environ)
    for name in ("COLUMNS", "LINES"):
        if environment.get(name, "").strip("0") == "":
            environment.pop(name, None)
    return environment
