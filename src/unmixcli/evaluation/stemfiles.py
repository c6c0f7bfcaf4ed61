"""Stem files: the mixture and its stems as audio streams of one MP4.

This is the format of MUSDB18 and of Native Instruments' Stems; stempeg writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av

from ..audio.reading import Excerpt, open_excerpt
from ..errors import InputError
from ..words import display, twin

END = ".stem.mp4"
_USUAL = ("mixture", "drums", "bass", "other", "vocals")
"""What the streams of a file without names are."""
_NO_NAMES = ("SoundHandler", "Stereo", "Core Media Audio")
"""What encoders write where a name could be."""
_MIXTURES = frozenset(("mixture", "mix", "master"))


@dataclass(frozen=True)
class Place:
    """Where a stem is: a file, or an audio stream of one."""

    path: Path
    stream: int = 0

    def open(self) -> Excerpt:
        """Open the stem.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return open_excerpt(self.path, stream=self.stream)


def is_stem_file(path: Path) -> bool:
    """Return whether the name of a file says that it is a stem file."""
    return path.name.lower().endswith(END) and not path.name.startswith(".") and path.is_file()


def name_of(path: Path) -> str:
    """Return the name of the track."""
    return path.name[: -len(END)]


def places_in(path: Path) -> dict[str, Place]:
    """Return the stems in a stem file, without the mixture.

    Streams have the names in their titles. Without titles, five streams are those
    of MUSDB18: mixture, drums, bass, other, vocals.

    Raises
    ------
    InputError
        If it cannot be read, or its streams have no names.
    """
    try:
        with path.open("rb") as file, av.open(file, metadata_errors="ignore") as container:
            names = [_name_of(stream.metadata) for stream in container.streams.audio]
    except (av.FFmpegError, OSError, ValueError):
        raise InputError(f"{display(path)} cannot be read: it is damaged or no MP4") from None
    if not all(names) or twin(names):
        if len(names) != len(_USUAL):
            raise InputError(
                f"{display(path)} has {len(names)} sounds without names, and only five can be "
                f"guessed ({', '.join(_USUAL)}); give a folder of stems"
            )
        names = list(_USUAL)
    return {name: Place(path, k) for k, name in enumerate(names) if name not in _MIXTURES}


def _name_of(metadata: Mapping[str, str]) -> str:
    name = metadata.get("title") or metadata.get("handler_name", "")
    return "" if name in _NO_NAMES else name.strip().lower()
