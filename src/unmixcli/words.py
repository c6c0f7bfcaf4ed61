"""Format names, numbers and errors for people to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


def display(path: Path) -> str:
    """Return a path as one printable line; escape it if it holds unprintable characters."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def plain(text: object, limit: int | None = None) -> str:
    r"""Put text of any origin on one line that cannot control a terminal.

    Parameters
    ----------
    text : object
    limit : int, optional
        Characters to keep of a text that may be of any length.

    >>> plain("a\n b\x1b[2J"), plain("abcdef", 3)
    ('a b\\x1b[2J', 'abc…')
    """
    words = str(text)
    if limit is not None and len(words) > limit:
        words = f"{words[:limit]}…"
    words = " ".join(words.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)


def clock(seconds: float) -> str:
    """Format seconds as ``m:ss`` or ``h:mm:ss``.

    >>> clock(61.2), clock(3600)
    ('1:01', '1:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """Round a duration to one unit.

    >>> about(0.4), about(75), about(1234), about(9000)
    ('1 s', '75 s', '21 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 36000 else f"{seconds / 3600:.0f} h"


def nearest(name: str, names: Iterable[str]) -> str:
    """Suggest the name that was probably meant, or return an empty string.

    >>> nearest("vocal", ["vocals", "drums"])
    '; did you mean vocals?'
    """
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def some(names: Sequence[str]) -> str:
    """List the first three names and count the rest.

    >>> some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    shown = ", ".join(plain(name, 100) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def twin(names: Iterable[str]) -> str | None:
    """Return the first name that repeats an earlier one if case is ignored."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return None


def sentence_of(error: BaseException) -> str:
    """Format an exception on one line, with its class name unless it is one of ours."""
    from .errors import UnmixError

    text = " ".join(str(error).split())
    if isinstance(error, UnmixError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
