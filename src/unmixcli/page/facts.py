"""What the page tells of a track in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.reading import Excerpt
from .tags import Tags

if TYPE_CHECKING:
    from ..catalogue import ModelCard
    from ..config import SeparationConfig

_UNTOLD = frozenset(
    ("model", "targets", "options", "device", "temp_dir", "offline", "outdir", "overwrite", "page")
)
"""Options that have a line of their own or do not change what is heard."""
_ALWAYS = frozenset(["niter"])
_TAGS = {
    "composer": "Composer",
    "genre": "Genre",
    "track": "Track",
    "copyright": "Copyright",
    "comment": "Comment",
}


@dataclass(frozen=True)
class Fact:
    """A line of a list: a name and what there is to say."""

    name: str
    values: tuple[str, ...]
    is_code: bool = False


def heading(tags: Tags, source: Path) -> str:
    """Return the track's title, or else the name of its file."""
    return tags.texts.get("title") or source.stem or "Track"


def byline(tags: Tags) -> str:
    """Return the artist, the album and the year, as far as they are known."""
    texts = tags.texts
    artist = texts.get("artist") or texts.get("album_artist", "")
    year = (texts.get("date") or texts.get("year", ""))[:4]
    return " · ".join(part for part in (artist, texts.get("album", ""), year) if part)


def summary(recording: Excerpt, stems: Iterable[str], card: ModelCard) -> str:
    """Say in one line what there is to hear."""
    count = len(list(stems))
    channels = "mono" if recording.channels == 1 else "stereo"
    return " · ".join(
        [
            f"{count} stem{'s' if count != 1 else ''} by {card.name}",
            clock(recording.seconds),
            f"{recording.sample_rate / 1000:g} kHz {channels}",
        ]
    )


def facts(source: Path, tags: Tags, card: ModelCard, config: SeparationConfig) -> list[Fact]:
    """List the tags, the model and the options."""
    found = [Fact("Recording", (source.name,))]
    found += [Fact(name, (tags.texts[key],)) for key, name in _TAGS.items() if key in tags.texts]
    found.append(Fact("Model", (card.name, card.title) if card.title else (card.name,)))
    if card.licence:
        found.append(Fact("Licence", (card.licence,)))
    if card.restriction:
        found.append(Fact("Restriction", (card.restriction,)))
    found.append(Fact("Options", tuple(_options(config)), is_code=True))
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
