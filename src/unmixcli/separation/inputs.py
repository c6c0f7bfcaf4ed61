"""Which recordings a list of arguments means."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, UnmixError
from ..files.scratch import open_scratch, scratch_error
from ..stems.manifest import MANIFEST, stems_in
from ..words import display

# fmt: off
EXTENSIONS = frozenset((
    "wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "aifc", "au", "caf", "w64",
    "rf64", "m4a", "mp4", "aac", "alac", "wma", "wv", "ape", "mka", "mkv", "webm", "mov", "avi",
    "m4v", "mpg", "mpeg",
))
# fmt: on
"""Files that are taken from a folder; a file named by itself may have any name."""

STDIN = Path("-")
"""What stands for the recording on standard input."""

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Found:
    """A recording that was asked for.

    Attributes
    ----------
    path : Path
        Its file, or the very object `STDIN`: a file may have the same name.
    subfolder : Path
        Where it lies below the folder that was asked for; its stems are to
        lie alike.
    """

    path: Path
    subfolder: Path = Path()


def find_recordings(arguments: Iterable[str | Path]) -> list[Found | UnmixError]:
    """Find all recordings that are meant, and drop what is named twice.

    Parameters
    ----------
    arguments : iterable of str or Path
        Files, folders, patterns such as ``music/**/*.flac``, and as a str
        ``-`` for standard input and ``@FILE`` for a list of files, folders and
        patterns, ``@-`` for one on standard input.

    Returns
    -------
    list of Found or UnmixError
        In order; an error stands where nothing was found.
    """
    words: list[Path | UnmixError] = []
    for argument in arguments:
        if isinstance(argument, str) and argument.startswith("@"):
            words += _read_list(argument[1:])
        else:
            words.append(STDIN if argument == "-" else Path(argument))
    folders = [word for word in words if isinstance(word, Path) and word.is_dir()]
    # One folder's content goes straight into the output folder; several keep their names there.
    named = len({folder.resolve() for folder in folders}) > 1
    found: list[Found | UnmixError] = []
    seen: set[Path] = set()
    for word in words:
        if isinstance(word, UnmixError):
            found.append(word)
            continue
        recordings = list(_expand(word, named))
        if not recordings:
            kind = "has no recording in it" if word.is_dir() else "matches no recording"
            found.append(InputError(f"{display(word)} {kind}"))
        for recording in recordings:
            path = recording.path
            if (resolved := path if path is STDIN else path.resolve()) not in seen:
                seen.add(resolved)
                found.append(recording)
    return found


def spool(temp_dir: Path | None = None) -> BinaryIO:
    """Copy standard input to a temporary file, for it can be read only once.

    Parameters
    ----------
    temp_dir : Path, optional
        Where that file goes.

    Raises
    ------
    InputError
        If nothing comes.
    SpoolError
        If there is no room.
    """
    stream = sys.stdin.buffer
    if stream.isatty():
        raise InputError("standard input is a terminal: send a recording into it, as in … | unmix")
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
        raise InputError("nothing came on standard input")
    return file


def _read_list(name: str) -> list[Path | UnmixError]:
    """Read one name a line, or as ``find -print0`` writes them; ``#`` begins a remark."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).expanduser().read_bytes()
    except OSError as error:
        return [InputError(f"the list {display(Path(name))} cannot be read: {error.strerror}")]
    # As the system itself would decode a name that is not UTF-8.
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    lines = text.split("\0") if "\0" in text else text.splitlines()
    lines = [line.strip("\r\n") for line in lines]
    paths: list[Path | UnmixError] = [
        Path(line).expanduser() for line in lines if line.strip() and not line.startswith("#")
    ]
    return paths or [InputError(f"the list {display(Path(name))} names no recording")]


def _expand(word: Path, named: bool) -> Iterator[Found]:
    if word is STDIN:
        yield Found(word)
    elif word.is_dir():
        for path in _walk(word):
            below = path.relative_to(word).parent
            yield Found(path, word.resolve().name / below if named else below)
    elif _MAGIC.search(str(word)) and not word.exists():
        fixed = _fixed_part(word)
        wanted = bool(word.suffix) and not _MAGIC.search(word.suffix)
        for name in sorted(glob.glob(str(word), recursive=True)):  # noqa: PTH207
            path = Path(name)
            if path.is_file() and (wanted or _is_recording(path)):
                yield Found(path, path.relative_to(fixed).parent)
    else:
        yield Found(word)


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a pattern before its first wildcard."""
    fixed = []
    for part in pattern.parts[:-1]:
        if _MAGIC.search(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the recordings below a folder, without the stems that we put there ourselves."""
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
