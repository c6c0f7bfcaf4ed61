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


_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"


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


def parse_sum(name: str, expression: str, targets: Sequence[str]) -> list[tuple[float, str]]:
    """Turn ``a+b-c`` into weighted terms; a target's name may contain a minus.

    A term may have a gain: ``0.5*a``, ``a*0.5`` or ``a-6dB``.

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
    [(1.0, 'mixture'), (-1.0, 'vocals')]
    >>> parse_sum("softer", "mixture-0.5*drums", ["drums"])
    [(1.0, 'mixture'), (-0.5, 'drums')]
    >>> parse_sum("softer", "drums-20dB", ["drums"])
    [(0.1, 'drums')]
    """
    known = sorted({*targets, MIXTURE, *REST}, key=len, reverse=True)
    term = re.compile(
        rf"\s*(?P<sign>[+-]?)\s*(?:(?P<before>{_NUMBER})\s*\*\s*)?"
        rf"(?P<name>{'|'.join(map(re.escape, known))})"
        rf"(?:\s*\*\s*(?P<after>{_NUMBER}))?(?:\s*(?P<decibels>[+-]\s*{_NUMBER})\s*dB)?"
        r"\s*(?=[+-]|$)",
        re.IGNORECASE,
    )
    terms: list[tuple[float, str]] = []
    position = 0
    while position < len(expression):
        found = term.match(expression, position)
        if found is None or found["name"] not in known or (terms and not found["sign"]):
            wrong = expression[position:].strip()
            wrong = re.split(r"(?<=.)[+-]", wrong)[0].lstrip("+- ") or wrong
            raise UsageError(
                f"mix {name}: {wrong!r} in {expression!r} is none of {', '.join(targets)}, "
                f"{MIXTURE}, {REST[0]}; write it as a+b-c, with gains as in a-0.5*b or a-6dB"
            )
        gain = float(found["before"] or 1) * float(found["after"] or 1)
        if found["decibels"]:
            gain *= 10 ** (float(re.sub(r"\s", "", found["decibels"])) / 20)
        terms.append((-gain if found["sign"] == "-" else gain, found["name"]))
        position = found.end()
    return terms
