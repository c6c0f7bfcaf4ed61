"""The text about a track on its page."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.reading import Excerpt
from ..audio.tags import Tags
from ..words import clock

if TYPE_CHECKING:
    from ..models.cards import ModelCard

_TAGS = {
    "composer": "Composer",
    "genre": "Genre",
    "tracknumber": "Track",
}


@dataclass(frozen=True)
class About:
    """The facts about a track for its page.

    Attributes
    ----------
    recording : Path
    tags : Tags
        Of the recording.
    card : ModelCard
        The model that made the stems.
    settings : tuple of str
        The options of the separation, as typed on the command line.
    """

    recording: Path
    tags: Tags
    card: ModelCard
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A line of a list: a name and its values."""

    name: str
    values: tuple[str, ...]
    is_code: bool = False


def heading(about: About) -> str:
    """Return the track's title, or else the name of its file."""
    return about.tags.texts.get("title") or about.recording.stem or "Track"


def byline(about: About) -> str:
    """Return the artist, the album and the year, if known."""
    texts = about.tags.texts
    artist = texts.get("artist") or texts.get("albumartist", "")
    year = texts.get("date", "")[:4]
    return " · ".join(part for part in (artist, texts.get("album", ""), year) if part)


def length(track: Excerpt) -> str:
    """Write how long a track is, in whole seconds as the script counts its position."""
    return clock(int(track.seconds))


def summary(about: About, stems: int, first: Excerpt) -> str:
    """Describe the stems in one line."""
    channels = "mono" if first.channels == 1 else "stereo"
    return " · ".join(
        [
            f"{stems} stem{'s' if stems != 1 else ''} by {about.card.name}",
            length(first),
            f"{first.sample_rate / 1000:g} kHz {channels}",
        ]
    )


def facts(about: About) -> list[Fact]:
    """List the tags, the model and the options."""
    texts, card = about.tags.texts, about.card
    found = [Fact("Recording", (about.recording.name,))]
    found += [Fact(name, (texts[key],)) for key, name in _TAGS.items() if texts.get(key)]
    found.append(Fact("Model", (card.name, card.title) if card.title else (card.name,)))
    if card.licence:
        found.append(Fact("Licence", (card.licence,)))
    if card.restriction:
        found.append(Fact("Restriction", (card.restriction,)))
    if about.settings:
        found.append(Fact("Options", about.settings, is_code=True))
    found.append(Fact("Made with", (f"unmixcli {version('unmixcli')}",)))
    return found
