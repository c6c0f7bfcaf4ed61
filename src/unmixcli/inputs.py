"""Which recordings a list of arguments means."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .errors import InputError, UnmixError

EXTENSIONS = frozenset(
    ["wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "aifc", "au", "caf", "w64", "rf64", "m4a", "mp4", "aac", "alac", "wma", "wv", "ape", "mka", "mkv", "webm", "mov", "avi", "m4v", "mpg", "mpeg"]
)
"""Files that are taken from a folder; a file named by itself may have any name."""


def find_recordings(arguments: Iterable[Path]) -> list[Path | UnmixError]:
    """Replace folders by the recordings in them, and drop what is named twice.

    Parameters
    ----------
    arguments : iterable of Path
        Files and folders.

    Returns
    -------
    list of Path or UnmixError
        In order; an error stands where a folder has no recording in it.
    """
    found: list[Path | UnmixError] = []
    seen: set[Path] = set()
    for argument in arguments:
        paths: list[Path] = [argument]
        if argument.is_dir():
            paths = sorted(path for path in argument.rglob("*") if _is_recording(path))
            if not paths:
                found.append(InputError(f"{argument} has no recording in it"))
        for path in paths:
            if (resolved := path.resolve()) not in seen:
                seen.add(resolved)
                found.append(path)
    return found


def _is_recording(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts[-1:])
    return not hidden and path.suffix.lower().lstrip(".") in EXTENSIONS and path.is_file()
