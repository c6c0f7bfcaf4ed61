"""Find the recordings that a list of arguments names, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import InputError, UnmixError
from ..files.ledger import Ledger
from ..files.paths import is_folder, real
from ..words import display, plain
from .lists import Lists
from .walking import is_pattern, match, walk

STDIN = "-"
"""The argument for standard input."""

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs)://", re.IGNORECASE)


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


def find_recordings(arguments: Iterable[str | Path]) -> Iterator[Found | UnmixError]:
    """Find all recordings; drop those that are named twice.

    Neither the arguments of a long list nor the recordings are kept in memory.

    Parameters
    ----------
    arguments : iterable of str or Path
        Files, folders and patterns such as ``music/**/*.flac``. As a str also
        ``-`` for standard input, ``@FILE`` for a list of files, folders and
        patterns, and ``@-`` for such a list on standard input.

    Yields
    ------
    Found or UnmixError
        In order, with an error in place of an argument that matches nothing.
    """
    words = _Words(arguments)
    seen = Ledger()
    for word in words:
        if isinstance(word, UnmixError):
            yield word
            continue
        recordings = iter([word]) if isinstance(word, Found) else _expand(word, words)
        any_found = False
        for recording in recordings:
            any_found = True
            if recording.is_stdin or seen.add(real(recording.path)):
                yield recording
        if not any_found and isinstance(word, Path):
            kind = "contains no recordings" if is_folder(word) else "matches no recordings"
            yield InputError(f"{display(word)} {kind}")


class _Words:
    """The arguments, with the names in lists in place of the lists; read as often as needed."""

    def __init__(self, arguments: Iterable[str | Path]) -> None:
        self._arguments = list(arguments)
        self._lists = Lists()

    def __iter__(self) -> Iterator[Path | Found | UnmixError]:
        for argument in self._arguments:
            if isinstance(argument, str) and argument.startswith("@"):
                yield from self._lists.read(argument[1:])
            elif argument == STDIN:
                yield Found(Path(STDIN), is_stdin=True)
            elif isinstance(argument, str) and _ADDRESS.match(argument):
                yield InputError(
                    f"{plain(argument)} is an address: download it first, then name the file"
                )
            elif argument == "":
                yield InputError('"" is not the name of a recording; write "." for this folder')
            else:
                yield Path(argument)

    @cached_property
    def name_several_folders(self) -> bool:
        """Whether there is more than one folder; they are looked for when the first is met."""
        first: Path | None = None
        for word in self:
            if isinstance(word, Path) and is_folder(word):
                folder = real(word)
                if first is not None and folder != first:
                    return True
                first = folder
        return False


def _expand(word: Path, words: _Words) -> Iterator[Found]:
    if is_folder(word):
        # The stems of one folder go straight into the output folder; several keep their names.
        top = Path(real(word).name) if words.name_several_folders else Path()
        for path in walk(word):
            yield Found(path, top / path.relative_to(word).parent)
    elif is_pattern(word):
        for path, subfolder in match(word):
            yield Found(path, subfolder)
    else:
        yield Found(word)
