"""The repeating parts of the page. All text from outside is escaped here."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote

from ..audio.tags.reading import Tags
from .facts import Fact
from .pictures import Picture
from .waveform import HEIGHT

_PICTURES = frozenset(("image/jpeg", "image/png", "image/webp", "image/gif"))
_LARGEST_PICTURE = 2_000_000


def escape(text: str) -> str:
    """Make any text safe inside an element or a quoted attribute."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return html.escape(shown, quote=True)


def cover(tags: Tags) -> str:
    """Return the recording's cover, if a browser can show it."""
    picture = tags.cover
    if not picture or picture.mime not in _PICTURES or len(picture.data) > _LARGEST_PICTURE:
        return ""
    data = base64.b64encode(picture.data).decode()
    return f'<img src="data:{picture.mime};base64,{data}" alt="Cover">'


def definitions(facts: Iterable[Fact]) -> str:
    """Return the rows of a list of facts."""
    return "\n".join(
        f"<div><dt>{escape(fact.name)}</dt><dd>{_value(fact)}</dd></div>" for fact in facts
    )


def _value(fact: Fact) -> str:
    if fact.is_code:
        return " ".join(f"<code>{escape(part)}</code>" for part in fact.values)
    return escape(", ".join(fact.values))


def stem_row(number: int, name: str, path: PurePath, picture: Picture) -> str:
    """Return the row of one stem: its switches, its volume and its pictures.

    Parameters
    ----------
    number : int
    name : str
    path : PurePath
        Path of its file, relative to the page.
    picture : Picture
    """
    shown = escape(name)
    key = f" ({number + 1})" if number < 9 else ""
    width = picture.columns - 1 or 1
    return f"""<li class="stem">
<div class="controls">
<div class="name"><h2>{shown}</h2>\
<a href="{escape(quote(path.as_posix()))}" download aria-label="Download {escape(path.name)}" \
title="{escape(path.name)}, beside this page">↓ {escape(path.suffix.lstrip("."))}</a></div>
<div class="switches" role="group" aria-label="{shown}">
<button type="button" class="solo" aria-pressed="false" aria-label="Solo {shown}" \
title="Hear only this{key}; with Shift add it">Solo</button>
<button type="button" class="mute" aria-pressed="false" aria-label="Mute {shown}" \
title="Silence this">Mute</button>
</div>
<label class="volume"><span>Volume</span>\
<input type="range" min="0" max="100" value="100" aria-label="Volume of {shown}">\
<output aria-hidden="true">100 %</output></label>
</div>
<div class="lane">
<svg viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" \
aria-label="Waveform of {shown}"><path class="peaks" d="{picture.peaks}"/>\
<path d="{picture.loudness}"/></svg>
<picture><source media="(prefers-color-scheme: dark)" srcset="{picture.dark}">\
<img src="{picture.light}" alt="Spectrogram of {shown}, 40 Hz to 18 kHz" \
draggable="false"></picture>
<span class="head"></span>
</div>
</li>"""
