"""Find the recordings that a list of arguments names."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, UnmixError
from ..files.documents import DocumentError, read_bytes
from ..files.paths import exists, expand, is_folder, real
from ..files.scratch import open_scratch, scratch_error
from ..stems.manifest import MANIFEST, stems_in
from ..words import display, plain

# fmt: off
EXTENSIONS = frozenset((
    "wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "aifc", "au", "caf", "w64",
    "rf64", "m4a", "mp4", "aac", "alac", "wma", "wv", "ape", "mka", "mkv", "webm", "mov", "avi",
    "m4v", "mpg", "mpeg",
))
# fmt: on
"""Extensions of recordings in folders; a file named directly may have any extension."""

STDIN = "-"
"""The argument for standard input."""

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs)://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Found:
    """A recording to separate.

    Attributes
    ----------
    path : Path
        Its file, or ``-`` for standard input.
    subfolder : Path
        Its folder below the given folder; its stems go to the same place
        below the output folder.
    is_stdin : bool
        Whether it comes from standard input: a file may be called ``-`` too.
    """

    path: Path
    subfolder: Path = Path()
    is_stdin: bool = False


def find_recordings(arguments: Iterable[str | Path]) -> list[Found | UnmixError]:
    """Find all recordings; drop those that are named twice.

    Parameters
    ----------
    arguments : iterable of str or Path
        Files, folders and patterns such as ``music/**/*.flac``. As a str also
        ``-`` for standard input, ``@FILE`` for a list of files, folders and
        patterns, and ``@-`` for such a list on standard input.

    Returns
    -------
    list of Found or UnmixError
        In order, with an error in place of an argument that matches nothing.
    """
    words: list[Path | Found | UnmixError] = []
    for argument in arguments:
        if isinstance(argument, str) and argument.startswith("@"):
            words += _read_list(argument[1:])
        elif argument == STDIN:
            words.append(Found(Path(STDIN), is_stdin=True))
        elif isinstance(argument, str) and _ADDRESS.match(argument):
            words.append(
                InputError(
                    f"{plain(argument)} is an address: download it first, then name the file"
                )
            )
        elif argument == "":
            words.append(InputError('"" is not the name of a recording; write "." for this folder'))
        else:
            words.append(Path(argument))
    folders = [word for word in words if isinstance(word, Path) and is_folder(word)]
    # The stems of one folder go straight into the output folder; several keep their names.
    named = len({real(folder) for folder in folders}) > 1
    found: list[Found | UnmixError] = []
    seen: set[Path | None] = set()
    for word in words:
        if isinstance(word, UnmixError):
            found.append(word)
            continue
        recordings = [word] if isinstance(word, Found) else list(_expand(word, named))
        if not recordings and isinstance(word, Path):
            kind = "contains no recordings" if is_folder(word) else "matches no recordings"
            found.append(InputError(f"{display(word)} {kind}"))
        for recording in recordings:
            key = None if recording.is_stdin else real(recording.path)
            if key not in seen:
                seen.add(key)
                found.append(recording)
    return found


def spool(temp_dir: Path | None = None) -> BinaryIO:
    """Copy standard input to a temporary file, because it can be read only once.

    Parameters
    ----------
    temp_dir : Path, optional
        Folder of the temporary file.

    Raises
    ------
    InputError
        If standard input is empty.
    SpoolError
        If the disk has no room.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("standard input is closed: pipe a recording into it, as in … | unmix")
    stream = sys.stdin.buffer
    if stream.isatty():
        raise InputError("standard input is a terminal: pipe a recording into it, as in … | unmix")
    file = open_scratch(temp_dir)
    try:
        while data := stream.read(2**20):
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        file.close()
        raise scratch_error(error) from None
    if not file.tell():
        file.close()
        raise InputError("standard input is empty")
    return file


def _read_list(name: str) -> list[Path | UnmixError]:
    """Read names from lines, or as ``find -print0`` writes them; skip lines with ``#``."""
    try:
        if name != "-":
            data = read_bytes(expand(name))
        elif sys.stdin is None:
            return [InputError("standard input is closed: there is no list to read")]
        else:
            data = sys.stdin.buffer.read()
    except DocumentError as error:
        return [InputError(f"the list {display(Path(name))} cannot be read: {error}")]
    except OSError as error:
        return [InputError(f"the list {display(Path(name))} cannot be read: {error.strerror}")]
    # Decode names that are not UTF-8 as the system does.
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    lines = text.split("\0") if "\0" in text else text.splitlines()
    lines = [line.strip("\r\n") for line in lines]
    paths: list[Path | UnmixError] = [
        expand(line) for line in lines if line.strip() and not line.startswith("#")
    ]
    return paths or [InputError(f"the list {display(Path(name))} names no recordings")]


def _expand(word: Path, named: bool) -> Iterator[Found]:
    if is_folder(word):
        for path in _walk(word):
            below = path.relative_to(word).parent
            yield Found(path, real(word).name / below if named else below)
    elif _MAGIC.search(str(word)) and not exists(word):
        fixed = _fixed_part(word)
        wanted = bool(word.suffix) and not _MAGIC.search(word.suffix)
        for path in _matching(word, fixed):
            if path.is_file() and (wanted or _is_recording(path)):
                yield Found(path, path.relative_to(fixed).parent)
    else:
        yield Found(word)


def _matching(pattern: Path, fixed: Path) -> list[Path]:
    """Return the paths that match a pattern, sorted; ``**`` does not follow links to folders."""
    if "**" not in pattern.parts:
        return sorted(map(Path, glob.glob(str(pattern))))  # noqa: PTH207
    wanted = pattern.parts[len(fixed.parts) :]
    found = []
    for root, folders, files in os.walk(fixed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(root).relative_to(fixed).parts
        names = [name for name in files if not name.startswith(".")]
        found += [Path(root, name) for name in names if _matches((*below, name), wanted)]
    return sorted(found)


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


def _walk(folder: Path) -> Iterator[Path]:
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
