"""Mixes: named sums of stems, and the ready-made ones (presets)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import UsageError

MIXTURE = "mixture"
REST = ("residual", "accompaniment")
"""The names of the mixture minus the targets."""

PRESETS = {
    "karaoke": "mixture-vocals",
    "acapella": "vocals",
    "drumless": "mixture-drums",
    "bassless": "mixture-bass",
}


def split_mix(text: str) -> tuple[str, str]:
    """Split ``NAME=a+b-c`` into the name and the sum.

    Raises
    ------
    ValueError
        If it is not of that form.

    Examples
    --------
    >>> split_mix("backing = mixture - vocals")
    ('backing', 'mixture - vocals')
    """
    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (name and equals and expression):
        raise ValueError(f"{text!r} is not of the form NAME=a+b-c")
    # The name becomes a file name.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,63}", name) or name[-1] in ". ":
        raise ValueError(
            f"a mix cannot be called {name!r}: use letters, digits and . _ + - in its name"
        )
    return name, expression


def parse_sum(name: str, expression: str, targets: Sequence[str]) -> list[tuple[int, str]]:
    """Turn ``a+b-c`` into signed terms; a target's name may contain a minus.

    Parameters
    ----------
    name : str
        Name of the mix, for messages.
    expression : str
    targets : sequence of str
        The model's targets; ``mixture``, ``residual`` and ``accompaniment`` are always known.

    Raises
    ------
    UsageError
        If a term is unknown.

    Examples
    --------
    >>> parse_sum("backing", "mixture-vocals", ["vocals"])
    [(1, 'mixture'), (-1, 'vocals')]
    """
    known = sorted({*targets, MIXTURE, *REST}, key=len, reverse=True)
    term = re.compile(rf"\s*([+-]?)\s*({'|'.join(map(re.escape, known))})\s*(?=[+-]|$)")
    terms: list[tuple[int, str]] = []
    position = 0
    while position < len(expression):
        found = term.match(expression, position)
        if found is None or (terms and not found[1]):
            wrong = expression[position:].strip()
            wrong = re.split(r"(?<=.)[+-]", wrong)[0].lstrip("+- ") or wrong
            raise UsageError(
                f"mix {name}: {wrong!r} in {expression!r} is none of {', '.join(targets)}, "
                f"{MIXTURE}, {REST[0]}; write it as a+b-c"
            )
        terms.append((-1 if found[1] == "-" else 1, found[2]))
        position = found.end()
    return terms
