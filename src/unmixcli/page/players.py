"""Plain players for the stems of a track, as notebooks show them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from ..audio.reading import open_excerpt
from ..audio.resampling import blocks_at
from ..errors import UnmixError
from .sound import RATE, bit_rate, encode_opus


def players(title: str, stems: Mapping[str, Path]) -> str:
    """Return HTML with one player per stem; the sound is inside, as Opus.

    Notebooks cannot be relied on to serve files, so each stem is compressed when
    it is shown. A stem that is gone or cannot be read gets its reason instead.

    Parameters
    ----------
    title : str
    stems : mapping of str to Path
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{_player(path, len(stems))}</td></tr>"
        for name, path in stems.items()
    )
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"


def _player(path: Path, stems: int) -> str:
    try:
        excerpt = open_excerpt(path)
        audio = np.concatenate(list(blocks_at(excerpt, RATE)), axis=1)
        bits = bit_rate(stems * excerpt.channels, excerpt.seconds)
        sound = base64.b64encode(encode_opus(audio, bits * len(audio))).decode("ascii")
    except UnmixError as error:
        return escape(str(error))
    return f'<audio controls preload="none" src="data:audio/ogg;base64,{sound}"></audio>'
