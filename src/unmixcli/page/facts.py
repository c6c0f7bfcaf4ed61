"""The text about a track on its page."""

from __future__ import annotations

import math
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
    card : ModelCard or None
        The model that made the stems, if known.
    settings : tuple of str
        The options of the separation, as typed on the command line.
    gap : float or None
        With ``sum``: how far the stems were from the mixture without it, in dB.
    gain : float
        The factor that was applied to all stems.
    title : str
        The heading, in place of the recording's title.
    model : str
        The name of the model, if there is no card.
    """

    recording: Path
    tags: Tags
    card: ModelCard | None = None
    settings: tuple[str, ...] = ()
    gap: float | None = None
    gain: float = 1.0
    title: str = ""
    model: str = ""


@dataclass(frozen=True)
class Fact:
    """A line of a list: a name and its values."""

    name: str
    values: tuple[str, ...]
    is_code: bool = False


def heading(about: About) -> str:
    """Return the track's title, or else the name of its file."""
    return about.title or about.tags.texts.get("title") or about.recording.stem or "Track"


def artist(about: About) -> str:
    """Return the artist, if known."""
    texts = about.tags.texts
    return texts.get("artist") or texts.get("albumartist", "")


def byline(about: About) -> str:
    """Return the artist, the album and the year, if known."""
    texts = about.tags.texts
    year = texts.get("date", "")[:4]
    return " · ".join(part for part in (artist(about), texts.get("album", ""), year) if part)


def length(track: Excerpt) -> str:
    """Write how long a track is, in whole seconds as the script counts its position."""
    return clock(int(track.seconds))


def summary(about: About, stems: int, first: Excerpt) -> str:
    """Describe the stems in one line."""
    channels = "mono" if first.channels == 1 else "stereo"
    model = about.card.name if about.card else about.model
    return " · ".join(
        [
            f"{stems} stem{'s' if stems != 1 else ''}{f' by {model}' if model else ''}",
            length(first),
            f"{first.sample_rate / 1000:g} kHz {channels}",
        ]
    )


def facts(about: About) -> list[Fact]:
    """List the tags, the model and the options."""
    texts, card = about.tags.texts, about.card
    found = [Fact("Recording", (about.recording.name,))]
    found += [Fact(name, (texts[key],)) for key, name in _TAGS.items() if texts.get(key)]
    if card is None:
        found += [Fact("Model", (about.model,))] if about.model else []
    else:
        found.append(Fact("Model", (card.name, card.title) if card.title else (card.name,)))
        found += [Fact("Licence", (card.licence,))] if card.licence else []
        found += [Fact("Restriction", (card.restriction,))] if card.restriction else []
    if isinstance(about.gap, (int, float)):
        found.append(
            Fact("Sum", (f"the mixture (without --sum {about.gap:.1f} dB of it are left over)",))
        )
    if about.gain > 0 and about.gain != 1:
        decibels = 20 * math.log10(about.gain)
        turned = f"{abs(decibels):.1f} dB {'higher' if decibels > 0 else 'lower'}"
        found.append(Fact("Level", (f"all stems, and the mixture here, are {turned}",)))
    if about.settings:
        found.append(Fact("Options", about.settings, is_code=True))
    found.append(Fact("Made with", (f"unmixcli {version('unmixcli')}",)))
    return found
