"""Assemble the page: a template, its style and script, pictures and sound."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib import resources
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import TextIO

from ..audio.reading import Excerpt, open_excerpt
from ..errors import OutputError
from ..files.parts import Part, sweep
from ..models.interface import Progress, ignore
from ..words import display
from . import sound
from .colours import css
from .facts import About, artist, byline, facts, heading, length, summary
from .lanes import Lane
from .markup import cover, definitions, escape, mixture_row, stem_row
from .pictures import Picture, draw

# fmt: off
_SCRIPTS = (
    "track", "pitch", "tempo", "sound", "levels", "loop", "view", "detail", "saving", "address",
    "system", "hands",
)
# fmt: on
_DRAWING = 0.4
"""The part of the work that drawing is; the rest is encoding."""
_COMPARING = "<div><dt><kbd>o</kbd></dt><dd>hear the mixture itself, again for the stems</dd></div>"


def page_path(stems: Mapping[str, Path]) -> Path:
    """Return the path of a track's page: ``index.html`` beside its stems.

    If a template puts the stems of several tracks into one folder, the page has
    the part of the name that the stems of its track share.
    """
    name, first = next(iter(stems.items()))
    folder = os.path.commonpath([stem.parent for stem in stems.values()])
    common = first.stem.replace(name, "").strip(" -_.")
    return Path(folder, f"{common or 'index'}.html")


def write_page(
    path: Path,
    stems: Mapping[str, Path],
    about: About,
    mixture: Excerpt | None = None,
    progress: Progress = ignore,
) -> None:
    """Write a page that plays the stems of a track in sync.

    The page contains everything that it needs, including the sound as Opus, so
    that it works in any folder and without a network. The stems are read twice,
    in blocks.

    Parameters
    ----------
    path : Path
        The page; replaced if it exists, and written atomically.
    stems : mapping of str to Path
        The files of the stems, in the order to show. The page is as long as the longest.
    about : About
        The facts about the track.
    mixture : Excerpt, optional
        The recording itself, to compare the stems with.
    progress : callable, optional
        Takes the stage, "drawing" or "encoding", and the finished fraction of the page.

    Raises
    ------
    OutputError
        If it cannot be written.
    InputError
        If a stem cannot be read.
    """
    recordings = {name: open_excerpt(stem) for name, stem in stems.items()}
    first = max(recordings.values(), key=lambda recording: recording.seconds)
    lanes = [Lane(name, recording, first.seconds) for name, recording in recordings.items()]
    whole = Lane("mixture", mixture, first.seconds) if mixture else None
    part = None
    try:
        sweep(path)  # what a killed process left
        part = Part(path)
        with ThreadPoolExecutor(min(len(lanes) + 1, os.cpu_count() or 1)) as pool:
            pictures = draw(lanes, whole, pool, lambda done: progress("drawing", _DRAWING * done))
            values = _values(path, stems, about, lanes, pictures)
            before, after = _text("page.html").split("{{sound}}")
            with part.path.open("w", encoding="utf-8", newline="\n") as file:
                file.write(_fill(before, values))
                _write_sound(
                    file,
                    [*lanes, *([whole] if whole else [])],
                    pool,
                    lambda done: progress("encoding", _DRAWING + (1 - _DRAWING) * done),
                )
                file.write(_fill(after, values))
        part.put(path, overwrite=True)
    except OSError as error:
        raise OutputError(
            f"the page {display(path)} cannot be written: {error.strerror}; the stems are complete"
        ) from None
    finally:
        if part is not None:
            part.discard()


def _values(
    path: Path,
    stems: Mapping[str, Path],
    about: About,
    lanes: Sequence[Lane],
    pictures: tuple[Sequence[Picture], Picture | None],
) -> dict[str, str]:
    """Return what the template's places are filled with, except the sound."""
    drawn, mixture = pictures
    first = max((lane.recording for lane in lanes), key=lambda recording: recording.seconds)
    style = _text("page.css").replace("{{colours}}", css(len(stems)))
    script = _script()
    rows = [mixture_row(mixture)] if mixture else []
    rows += [
        stem_row(number, name, _seen_from(path.parent, stems[name]), picture, alone=len(stems) == 1)
        for number, (name, picture) in enumerate(zip(stems, drawn, strict=True))
    ]
    track = {
        "title": heading(about),
        "artist": artist(about),
        "gain": about.gain,  # of the mixture, so that it is as loud as the stems together
        "stems": list(stems),
        "seconds": round(first.seconds, 6),
        "rate": sound.RATE,
        "channels": max(lane.recording.channels for lane in lanes),
        "piece": sound.PIECE / sound.RATE,
        "margin": sound.MARGIN / sound.RATE,
        "pieces": sound.count_pieces(lanes[0].opus_length),
    }
    return {
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
        "comparing": _COMPARING if mixture else "",
        "stems": "\n".join(rows),
        "seconds": f"{first.seconds:.6f}",
        "length": length(first),
        # Nothing in it may end the element that it stands in.
        "track": json.dumps(track).replace("<", "\\u003c"),
    }


def _write_sound(
    file: TextIO, lanes: Sequence[Lane], pool: Executor, progress: Callable[[float], None]
) -> None:
    """Write the pieces of all lanes in turn, so that no lane is held in memory."""
    streams = [sound.pieces(lane.opus_blocks(), lane.opus_length) for lane in lanes]
    count = sound.count_pieces(lanes[0].opus_length)
    channels = sum(lane.recording.channels for lane in lanes)
    bits = sound.bit_rate(channels, lanes[0].seconds)

    def encode(stream: Iterator[sound.Audio]) -> str:
        piece = next(stream)
        return base64.b64encode(sound.encode_opus(piece, bits * len(piece))).decode()

    for number in range(count):
        for lane, data in enumerate(pool.map(encode, streams)):
            file.write(f'<script type="text/plain" id="sound-{lane}-{number}">{data}</script>\n')
        progress((number + 1) / count)


def _seen_from(folder: Path, file: Path) -> PurePath:
    return PurePath(os.path.relpath(file, folder))


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _script() -> str:
    """Join the files of the script, which share one scope."""
    parts = [_text(f"script/{name}.js") for name in _SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();"])


def _hash(text: str) -> str:
    """Return the name of a text in the page's security policy, which allows nothing else."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _fill(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)
