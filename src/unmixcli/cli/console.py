"""Print results on stdout and everything else on stderr. Owns rich's consoles.

There is only one console for stderr, so that a message does not run into a live
progress bar.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache

from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..words import plain


class SafeConsole(Console):
    """A console where only rich itself can control the terminal.

    Names, licences and reasons come from files, servers and plugins of unknown origin.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, with the characters escaped that cannot be printed."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_escaped(segment.text))


@cache
def stderr() -> Console:
    """Return the console for progress, notes and errors."""
    return SafeConsole(stderr=True, highlight=False, markup=False, _environ=_environment())


def is_live(console: Console) -> bool:
    """Return whether a console can show bars that move."""
    return console.is_terminal and not console.is_dumb_terminal


def stdout(width: int | None = None, *, wrap: bool = True) -> Console:
    """Return a console for results; without a terminal it may be as wide as ``width``."""
    wide = None if sys.stdout.isatty() else width
    return SafeConsole(
        highlight=False, markup=False, width=wide, soft_wrap=not wrap, _environ=_environment()
    )


def print_json(result: BaseModel) -> None:
    """Print a result as JSON in ASCII on stdout."""
    print(json.dumps(json.loads(result.model_dump_json()), indent=2))


def prepare() -> None:
    """Set up the streams for one run of the command."""
    stderr.cache_clear()
    for stream in (sys.stdout, sys.stderr):
        # Do not fail because a code page lacks a character.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what libraries in C print on stderr to themselves; our own errors still appear."""
    try:
        ours = os.dup(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # no stderr, or one that is no file
        yield
        return
    before = sys.stderr
    before.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with open(ours, "w", encoding=before.encoding, errors="backslashreplace") as stream:  # noqa: PTH123
        os.dup2(nowhere, before.fileno())
        sys.stderr = stream
        try:
            yield
        finally:
            stream.flush()
            sys.stderr = before
            os.dup2(stream.fileno(), before.fileno())
            os.close(nowhere)


def print_error(error: object) -> None:
    """Print one sentence on stderr."""
    stderr().print(Text.assemble(("error: ", "bold red"), plain(error)), soft_wrap=True)


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _environment() -> dict[str, str]:
    """Return the environment without an impossible terminal width or height."""
    environment = dict(os.environ)
    for name in ("COLUMNS", "LINES"):
        if environment.get(name, "").strip("0") == "":
            environment.pop(name, None)
    return environment
