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


def stem_row(number: int, name: str, path: PurePath, picture: Picture, alone: bool) -> str:
    """Return the row of one stem: its switches, its volume and its pictures.

    Parameters
    ----------
    number : int
    name : str
    path : PurePath
        Path of its file, relative to the page.
    picture : Picture
    alone : bool
        Whether it is the only stem, which needs no solo.
    """
    shown = escape(name)
    key = f" ({number + 1})" if number < 9 else ""
    solo = f"""<button type="button" class="solo" aria-pressed="false" aria-label="Solo {shown}" \
title="Hear only this{key}; with Shift add it">Solo</button>
"""
    link = f"""<a class="file" hidden href="{escape(quote(path.as_posix()))}" download \
aria-label="Download {escape(path.name)}" title="{escape(path.name)}, beside this page">\
↓ {escape(path.suffix.lstrip("."))}</a>"""
    switches = f"""{"" if alone else solo}\
<button type="button" class="mute" aria-pressed="false" aria-label="Mute {shown}" \
title="Silence this">Mute</button>"""
    return _row(f"stem stem-{number}", name, link, switches, picture)


def mixture_row(picture: Picture) -> str:
    """Return the row of the mixture: the recording itself, to compare."""
    switches = """<button type="button" class="listen" aria-pressed="false" \
aria-label="Hear the mixture" title="Hear the recording itself instead of the stems (o)">\
Compare</button>"""
    return _row("mixture", "mixture", "", switches, picture)


def _row(kind: str, name: str, link: str, switches: str, picture: Picture) -> str:
    shown = escape(name)
    width = picture.columns - 1 or 1
    larger = f"; enlarged {picture.factor:g} times" if picture.factor > 1 else ""
    factor = f"""<span class="factor" title="This waveform is enlarged {picture.factor:g} times \
relative to the loudest">×{picture.factor:g}</span>"""
    return f"""<li class="row {kind}">
<div class="controls">
<div class="name"><h2>{shown}</h2>{link}\
<button type="button" class="save" aria-label="Save {shown} as WAV" \
title="Save the sound in this page as WAV">↓ <span>wav</span></button></div>
<div class="switches" role="group" aria-label="{shown}">
{switches}
</div>
<label class="volume"><span>Volume</span>\
<input type="range" min="0" max="200" value="100" aria-label="Volume of {shown}" \
title="Double-click for 100 %">\
<output aria-hidden="true">100 %</output></label>
<span class="meter" aria-hidden="true"><span></span></span>
</div>
<div class="lane"><div class="strip">
<svg viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" \
aria-label="Waveform of {shown}{larger}"><path class="peaks" d="{picture.peaks}"/>\
<path d="{picture.loudness}"/></svg>\
<canvas hidden data-scale="{picture.scale:.4g}"></canvas>
<picture><source media="(prefers-color-scheme: dark)" srcset="{picture.dark}">\
<img src="{picture.light}" alt="Spectrogram of {shown}, 40 Hz to 18 kHz" \
draggable="false"></picture>
<span class="loop" hidden></span><span class="head"></span>
</div>{factor if picture.factor > 1 else ""}</div>
</li>"""
