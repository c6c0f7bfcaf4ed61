"""How names, numbers and mistakes are written for people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


def display(path: Path) -> str:
    """Return a path as it can be printed on one line, whatever is in its name."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def clock(seconds: float) -> str:
    """Write seconds as ``m:ss`` or ``h:mm:ss``.

    >>> clock(61.2), clock(3600)
    ('1:01', '1:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, or nothing.

    >>> nearest("vocal", ["vocals", "drums"])
    '; did you mean vocals?'
    """
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def some(names: Sequence[str]) -> str:
    """Name a few of many, and count the rest.

    >>> some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def twin(names: Iterable[str]) -> str | None:
    """Return the first name that another one equals on a file system that ignores case."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return None


def sentence_of(error: BaseException) -> str:
    """Write any exception on one line, with its kind if it is not one of ours."""
    from .errors import UnmixError

    text = " ".join(str(error).split())
    if isinstance(error, UnmixError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
