"""Names as they can be shown."""

from __future__ import annotations

from pathlib import Path


def display(path: Path) -> str:
    """Return a path as it can be printed on one line, whatever is in its name."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
