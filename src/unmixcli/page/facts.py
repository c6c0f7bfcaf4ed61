"""What the page tells of a track in words."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.reading import Excerpt
from ..audio.tags.reading import Tags

if TYPE_CHECKING:
    from ..models.cards import ModelCard
    from ..options.config import SeparationConfig

# fmt: off
_UNTOLD = frozenset((
    "model", "targets", "options", "device", "temp_dir", "offline", "outdir", "filename", "tags",
    "page", "overwrite", "skip_existing",
))
# fmt: on
"""Options that have a line of their own or do not change what is heard."""
_ALWAYS = frozenset(["niter"])
_TAGS = {
    "composer": "Composer",
    "genre": "Genre",
    "tracknumber": "Track",
}


@dataclass(frozen=True)
class About:
    """What there is to tell of a track.

    Attributes
    ----------
    recording : Path
    tags : Tags
        Of the recording.
    card : ModelCard
        The model that made the stems.
    config : SeparationConfig
        The options that they were made with.
    """

    recording: Path
    tags: Tags
    card: ModelCard
    config: SeparationConfig


@dataclass(frozen=True)
class Fact:
    """A line of a list: a name and what there is to say."""

    name: str
    values: tuple[str, ...]
    is_code: bool = False


def heading(about: About) -> str:
    """Return the track's title, or else the name of its file."""
    return about.tags.texts.get("title") or about.recording.stem or "Track"


def byline(about: About) -> str:
    """Return the artist, the album and the year, as far as they are known."""
    texts = about.tags.texts
    artist = texts.get("artist") or texts.get("albumartist", "")
    year = texts.get("date", "")[:4]
    return " · ".join(part for part in (artist, texts.get("album", ""), year) if part)


def summary(about: About, stems: int, first: Excerpt) -> str:
    """Say in one line what there is to hear."""
    channels = "mono" if first.channels == 1 else "stereo"
    return " · ".join(
        [
            f"{stems} stem{'s' if stems != 1 else ''} by {about.card.name}",
            clock(first.seconds),
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
    found.append(Fact("Options", tuple(_options(about.config)), is_code=True))
    found.append(Fact("Made with", (f"unmixcli {version('unmixcli')}",)))
    return found


def _options(config: SeparationConfig) -> list[str]:
    """Write the options that matter as they are given to the command."""
    options = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if name in _UNTOLD or (value == field.default and name not in _ALWAYS):
            continue
        flag = f"--{name.replace('_', '-')}"
        options.append(flag if value is True else f"{flag} {_plain(value)}")
    options += [f"--option {key}={value}" for key, value in config.options.items()]
    return options


def _plain(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def clock(seconds: float) -> str:
    """Write seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds + 1e-6), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
