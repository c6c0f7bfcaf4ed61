"""Assemble the page: a template, its style and script, pictures and sound."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import TextIO

from ..audio.reading import Excerpt, open_excerpt
from ..audio.resampling import resample
from ..errors import OutputError
from ..files.parts import Part, sweep
from ..words import display
from . import sound
from .colours import css
from .facts import About, byline, facts, heading, length, summary
from .markup import cover, definitions, escape, stem_row
from .pictures import draw


def page_path(stems: Mapping[str, Path]) -> Path:
    """Return the path of a track's page: ``index.html`` beside its stems.

    If a template puts the stems of several tracks into one folder, the page has
    the part of the name that the stems of its track share.
    """
    name, first = next(iter(stems.items()))
    folder = os.path.commonpath([stem.parent for stem in stems.values()])
    common = first.stem.replace(name, "").strip(" -_.")
    return Path(folder, f"{common or 'index'}.html")


def write_page(path: Path, stems: Mapping[str, Path], about: About) -> None:
    """Write a page that plays the stems of a track in sync.

    The page contains everything that it needs, including the sound as Opus, so
    that it works in any folder and without a network. The stems are read twice,
    in blocks.

    Parameters
    ----------
    path : Path
        The page; replaced if it exists, and written atomically.
    stems : mapping of str to Path
        The files of the stems, all of the same length, in the order to show.
    about : About
        The facts about the track.

    Raises
    ------
    OutputError
        If it cannot be written.
    InputError
        If a stem cannot be read.
    """
    recordings = {name: open_excerpt(stem) for name, stem in stems.items()}
    first = next(iter(recordings.values()))
    style = _text("page.css").replace("{{colours}}", css(len(stems)))
    script = _text("page.js")
    track = {
        "stems": list(stems),
        "seconds": round(first.seconds, 6),
        "rate": sound.RATE,
        "piece": sound.PIECE / sound.RATE,
        "margin": sound.MARGIN / sound.RATE,
        "pieces": sound.count_pieces(_opus_length(first)),
    }
    rows = [
        stem_row(number, name, _seen_from(path.parent, stems[name]), picture)
        for number, (name, picture) in enumerate(draw(recordings).items())
    ]
    values = {
        "version": escape(version("unmixcli")),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "heading": escape(heading(about)),
        "byline": f'<p class="byline">{escape(by)}</p>' if (by := byline(about)) else "",
        "cover": cover(about.tags),
        "summary": escape(summary(about, len(stems), first)),
        "facts": definitions(facts(about)),
        "stems": "\n".join(rows),
        "seconds": f"{first.seconds:.6f}",
        "length": length(first),
        # Nothing in it may end the element that it stands in.
        "track": json.dumps(track).replace("<", "\\u003c"),
    }
    before, after = _text("page.html").split("{{sound}}")
    part = None
    try:
        sweep(path)  # what a killed process left
        part = Part(path)
        with part.path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_fill(before, values))
            _write_sound(file, recordings)
            file.write(_fill(after, values))
        part.put(path, overwrite=True)
    except OSError as error:
        raise OutputError(
            f"the page {display(path)} cannot be written: {error.strerror}; the stems were written"
        ) from None
    finally:
        if part is not None:
            part.discard()


def _write_sound(file: TextIO, recordings: Mapping[str, Excerpt]) -> None:
    """Write the pieces of all stems in turn, so that no stem is held in memory."""
    streams = [
        sound.pieces(_at_opus_rate(recording), _opus_length(recording))
        for recording in recordings.values()
    ]
    for number, row in enumerate(zip(*streams, strict=True)):
        for stem, (piece, recording) in enumerate(zip(row, recordings.values(), strict=True)):
            bits = sound.bit_rate(len(streams), len(piece), recording.seconds)
            data = base64.b64encode(sound.encode_opus(piece, bits)).decode()
            file.write(f'<script type="text/plain" id="sound-{stem}-{number}">{data}</script>\n')


def _seen_from(folder: Path, file: Path) -> PurePath:
    return PurePath(os.path.relpath(file, folder))


def _at_opus_rate(recording: Excerpt) -> Iterator[sound.Audio]:
    rate = recording.sample_rate
    return resample(recording.blocks(), rate, sound.RATE, _opus_length(recording))


def _opus_length(recording: Excerpt) -> int:
    return -(-recording.length * sound.RATE // recording.sample_rate)


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the name of a text in the page's security policy, which allows nothing else."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _fill(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)
