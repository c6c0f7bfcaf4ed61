"""Match estimates with references: folders of stems, and folders of such folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..separation.walking import EXTENSIONS
from ..words import display
from .stemfiles import Place, is_stem_file, name_of, places_in

_NO_STEMS = frozenset(("mixture", "mix"))
NO_VOCALS = frozenset(("accompaniment", "instrumental", "no_vocals"))
"""Names of everything but the vocals."""
REMAINDERS = NO_VOCALS | {"residual"}
"""Stems with the rest of the mixture: their reference is such a stem, or a sum."""


@dataclass(frozen=True)
class Pair:
    """A track: its estimated stems and its true ones, by target."""

    track: str
    estimates: Mapping[str, Place]
    references: Mapping[str, Place]


def find_pairs(estimates: Path, references: Path) -> tuple[list[Pair], list[str]]:
    """Match the tracks of two folders.

    A folder that contains stems is a track. Otherwise each folder below it
    that contains some is a track, as in MUSDB18-HQ's ``train/TRACK/`` and
    ``test/TRACK/``, and so is each ``TRACK.stem.mp4``, as in MUSDB18. Tracks
    match by the names of their folders, with or without the ``_MODEL`` that
    `unmix separate` appends. If each side has only one track, they match
    whatever their names.

    Returns
    -------
    list of Pair
        In the order of the references.
    list of str
        Estimated tracks without a reference.

    Raises
    ------
    InputError
        If a folder does not exist or has no stems, or nothing matches.
    """
    estimated, true = _tracks(estimates), _tracks(references)
    if len(estimated) == len(true) == 1:
        (ours,), ((name, theirs),) = estimated.values(), true.items()
        return [Pair(name, ours, theirs)], []
    matched: dict[str, str] = {}
    unmatched = []
    for name in estimated:
        # `unmix separate A.stem.mp4` writes to A.stem_MODEL.
        plain = name.replace(".stem", "")
        candidates = [other for other in true if plain == other or plain.startswith(f"{other}_")]
        if not candidates:
            unmatched.append(name)
            continue
        other = max(candidates, key=len)
        if other in matched:
            raise InputError(
                f"{display(estimates)} has two folders for the track {other}: "
                f"{matched[other]} and {name}"
            )
        matched[other] = name
    if not matched:
        raise InputError(
            f"no track in {display(estimates)} has the name of a track in {display(references)}: "
            f"{_some(estimated)} against {_some(true)}"
        )
    return [Pair(name, estimated[matched[name]], true[name]) for name in true if name in matched], (
        unmatched
    )


def _tracks(root: Path) -> dict[str, dict[str, Place]]:
    """Return the stems of each track below a folder, keyed by the track's name."""
    if is_stem_file(root):
        return {name_of(root): places_in(root)}
    if not root.is_dir():
        raise InputError(f"{display(root)} is not a folder")
    own = _stems(root)
    below = {folder: _stems(folder) for folder in sorted(root.rglob("*")) if folder.is_dir()}
    below = {folder: stems for folder, stems in below.items() if stems}
    # A song beside the folders of its stems is a stray file, not a track.
    if own and not (below and set(own).isdisjoint(set().union(*below.values()))):
        return {root.resolve().name: own}
    found: dict[str, dict[str, Place]] = {}
    for file in sorted(path for path in root.rglob("*") if is_stem_file(path)):
        if name_of(file) in found:
            raise InputError(f"{display(root)} has two tracks called {name_of(file)}")
        found[name_of(file)] = places_in(file)
    for folder, stems in below.items():
        # The stems of TRACK/mixture.wav may be in TRACK/mixture.
        name = folder.parent.name if folder.name in _NO_STEMS else folder.name
        if name in found:
            raise InputError(f"{display(root)} has two tracks called {name}")
        found[name] = stems
    if not found:
        raise InputError(f"{display(root)} contains no stems, such as vocals.wav")
    return found


def _stems(folder: Path) -> dict[str, Place]:
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{display(folder)} cannot be read: {error.strerror}") from None
    found: dict[str, Place] = {}
    for path in files:
        known = path.suffix.lower().lstrip(".") in EXTENSIONS
        if not known or path.name.startswith(".") or path.stem in _NO_STEMS or is_stem_file(path):
            continue
        if path.stem in found:
            raise InputError(
                f"{display(folder)} has two files for {path.stem}: "
                f"{found[path.stem].path.name} and {path.name}"
            )
        found[path.stem] = Place(path)
    return found


def _some(names: Mapping[str, object]) -> str:
    first = list(names)[:3]
    return ", ".join(first) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
