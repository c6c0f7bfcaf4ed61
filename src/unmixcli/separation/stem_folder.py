"""Make a page for a folder of stems, which any program may have made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audio.reading import Excerpt, open_excerpt, refuse_missing
from ..audio.tags import read_tags
from ..errors import InputError
from ..models.interface import Progress, ignore
from ..page import About, write_page
from ..stems.manifest import MANIFEST, Manifest
from ..words import clock, display, some
from .walking import EXTENSIONS

_MIXTURES = ("mixture", "mix", "original", "master")
"""Names that a mixture beside its stems has."""
_ORDER = ("vocals", "lead", "backing", "speech", "drums", "bass", "guitar", "piano", "other")
"""Names that come first, in this order; the others follow by the alphabet."""
_TOLERANCE = 1.0
"""Seconds by which stems of one recording may differ in length; encoders add some samples."""
_MOST = 64
"""Stems that a page can show."""


@dataclass(frozen=True)
class StemFolder:
    """The stems of one recording.

    Attributes
    ----------
    path : Path
    stems : dict of str to Path
    mixture : Path or None
        The recording itself, if it is known.
    """

    path: Path
    stems: dict[str, Path]
    mixture: Path | None

    @classmethod
    def of(cls, folder: Path, mixture: Path | None = None) -> StemFolder:
        """Find the stems in a folder: all its recordings, but not those in sub-folders.

        A file called ``mixture``, ``mix``, ``original`` or ``master`` is the mixture, unless
        another is given. What all names have in common is left out of the stems' names.

        Raises
        ------
        InputError
            If the folder does not exist, or has no stems of one recording.
        """
        if not folder.is_dir():
            problem = "is a file, not a folder" if folder.exists() else "does not exist"
            raise InputError(f"{display(folder)} {problem}; name the folder that the stems are in")
        if mixture is not None:
            refuse_missing(mixture)
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix[1:].lower() in EXTENSIONS
            and not path.name.startswith(".")
            and path.is_file()
            and not (mixture and path.samefile(mixture))
        )
        names = dict(zip(short_names([path.stem for path in paths]), paths, strict=True))
        if mixture is None:
            mixture = next((p for n, p in names.items() if n.lower() in _MIXTURES), None)
        found = {name: path for name, path in names.items() if path != mixture}
        if not found:
            raise InputError(
                f"{display(folder)} has no stems: no audio files are directly in it; "
                "name the folder that the stems are in"
            )
        if len(found) > _MOST:
            raise InputError(
                f"{display(folder)} has {len(found)} audio files, which are hardly the stems of "
                f"one recording; a page shows at most {_MOST}"
            )
        return cls(folder, {name: found[name] for name in sorted(found, key=_rank)}, mixture)

    def make_page(self, page: Path, title: str = "", progress: Progress = ignore) -> float:
        """Write a page that plays the stems, and return its length in seconds.

        Parameters
        ----------
        page : Path
            Replaced if it exists.
        title : str
            The heading; otherwise the title in the tags, or else the name of the recording
            or the folder.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.

        Raises
        ------
        InputError
            If a file cannot be read, or they differ in length.
        OutputError
            If the page cannot be written.
        """
        recordings = [open_excerpt(path) for path in self.stems.values()]
        mixture = open_excerpt(self.mixture) if self.mixture else None
        refuse_unequal([*recordings, *([mixture] if mixture else [])])
        write_page(page, self.stems, self._about(title), mixture, progress)
        return max(recording.seconds for recording in recordings)

    def _about(self, title: str) -> About:
        tags = read_tags(self.mixture or next(iter(self.stems.values())))
        made = self._made()
        source = made.get("source")
        name = source.get("name") if isinstance(source, dict) else None
        recording = Path(str(name)) if name else self.mixture or self.path.absolute()
        is_named = self.mixture is not None and self.mixture.stem.lower() not in _MIXTURES
        if not title and not name and not is_named:
            title = tags.texts.get("title") or self.path.absolute().name
        measured = made.get("measured")
        measured = measured if isinstance(measured, dict) else {}
        return About(
            recording,
            tags,
            gap=_number(measured.get("gap_db")),
            gain=_number(measured.get("gain")) or 1.0,
            title=title,
            model=str(made.get("model", "")),
        )

    def _made(self) -> dict[str, Any]:
        """Return the record of how the stems were made, if it is beside them."""
        for path in sorted(self.path.glob(f".*{MANIFEST}")):
            if made := Manifest(path).about(self.stems.values()):
                return made
        return {}


def short_names(names: list[str]) -> list[str]:
    """Leave out of names what all of them have in common.

    >>> short_names(["Song_(Vocals)_model", "Song_(Drums)_model"])
    ['Vocals', 'Drums']
    >>> short_names(["bass", "drums"])
    ['bass', 'drums']
    """
    words = [
        [word for word in re.split(r"[\s_()\[\]]+|(?<=\s)-|-(?=\s)", n) if word] for n in names
    ]
    if len(words) < 2:
        return names
    for end in (0, -1):
        while all(len(one) > 1 for one in words) and len({one[end] for one in words}) == 1:
            for one in words:
                del one[end]
    short = [" ".join(one) for one in words]
    return short if len(set(short)) == len(short) and all(short) else names


def refuse_unequal(recordings: list[Excerpt]) -> None:
    """Raise `InputError` if recordings differ in length."""
    longest = max(recordings, key=lambda recording: recording.seconds)
    shorter = [r for r in recordings if longest.seconds - r.seconds > _TOLERANCE]
    if shorter:
        names = some([recording.path.name for recording in shorter])
        raise InputError(
            f"{display(Path(longest.path.name))} lasts {clock(longest.seconds)}, but {names} "
            f"{clock(shorter[0].seconds)}: stems of one recording are equally long; "
            "put them into a folder of their own"
        )


def _rank(name: str) -> tuple[int, str]:
    words = name.lower().split()
    known = [_ORDER.index(word) for word in words if word in _ORDER]
    return (known[0] if known else len(_ORDER), name.lower())


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
