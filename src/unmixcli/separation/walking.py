"""Find the recordings in a folder or of a pattern."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..files.paths import exists
from ..stems.manifest import MANIFEST, stems_in

# fmt: off
EXTENSIONS = frozenset((
    "wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "aifc", "au", "caf", "w64",
    "rf64", "m4a", "mp4", "aac", "alac", "wma", "wv", "ape", "mka", "mkv", "webm", "mov", "avi",
    "m4v", "mpg", "mpeg",
))
# fmt: on
"""Extensions of recordings in folders; a file named directly may have any extension."""

_MAGIC = re.compile(r"[*?\[]")


def is_pattern(word: Path) -> bool:
    """Return whether a path has wildcards and is not itself the name of a file."""
    return bool(_MAGIC.search(str(word))) and not exists(word)


def match(word: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the recordings that a pattern matches, each with its folder below the fixed part.

    A pattern that names its extension matches files of any kind.
    """
    fixed = _fixed_part(word)
    wanted = bool(word.suffix) and not _MAGIC.search(word.suffix)
    for path in _matching(word, fixed):
        if path.is_file() and (wanted or _is_recording(path)):
            yield path, path.relative_to(fixed).parent


def _matching(pattern: Path, fixed: Path) -> Iterator[Path]:
    """Yield the paths that match, by folder; ``**`` does not follow links to folders."""
    if "**" not in pattern.parts:
        yield from sorted(map(Path, glob.glob(str(pattern))))  # noqa: PTH207
        return
    wanted = pattern.parts[len(fixed.parts) :]
    for root, folders, files in os.walk(fixed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(root).relative_to(fixed).parts
        for name in sorted(files):
            if not name.startswith(".") and _matches((*below, name), wanted):
                yield Path(root, name)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Compare the parts of a path with those of a pattern, ``**`` standing for any folders."""
    if not parts:
        return all(part == "**" for part in pattern)
    if not pattern:
        return False
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a pattern before its first wildcard."""
    fixed = []
    for part in pattern.parts[:-1]:
        if _MAGIC.search(part):
            break
        fixed.append(part)
    return Path(*fixed)


def walk(folder: Path) -> Iterator[Path]:
    """Yield the recordings below a folder, except stems that this program wrote."""
    stems: set[Path] = set()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(root)
        if any(name.endswith(MANIFEST) for name in files):
            stems |= stems_in(place)
        for name in sorted(files):
            if place / name not in stems and _is_recording(place / name):
                yield place / name


def _is_recording(path: Path) -> bool:
    known = path.suffix.lower().lstrip(".") in EXTENSIONS
    return known and not path.name.startswith(".") and path.is_file()
