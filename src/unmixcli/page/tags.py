"""What a recording says of itself: its tags and its cover."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av

_PICTURES = {"mjpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
_LARGEST_PICTURE = 2_000_000


@dataclass(frozen=True)
class Tags:
    """Tags by their lower-case names, and the cover as a data URI."""

    texts: Mapping[str, str] = field(default_factory=dict)
    cover: str = ""


def read_tags(path: Path) -> Tags:
    """Read the tags of a recording; one without any, or of no known format, has none."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            found = dict(container.metadata)
            for stream in container.streams.audio[:1]:  # where Ogg keeps them
                found |= stream.metadata
            texts = {key.lower(): value.strip() for key, value in found.items() if value.strip()}
            return Tags(texts, _cover(container))
    except (av.FFmpegError, OSError, ValueError):
        return Tags()


def _cover(container: av.container.InputContainer) -> str:
    for stream in container.streams.video:
        kind = _PICTURES.get(stream.codec_context.name)
        if kind is None or not stream.disposition & av.stream.Disposition.attached_pic:
            continue
        for packet in container.demux(stream):
            if 0 < packet.size <= _LARGEST_PICTURE:
                return f"data:{kind};base64,{base64.b64encode(bytes(packet)).decode()}"
            break
    return ""
