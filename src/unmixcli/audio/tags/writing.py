"""Write tags into stems of any format."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from ...words import display
from .reading import FRONT, TEXTS, Cover, Tags

log = logging.getLogger("unmixcli")


def write_tags(path: Path, format: str, tags: Tags) -> None:
    """Write tags into an otherwise finished file.

    Parameters
    ----------
    path : Path
        Its name does not matter.
    format : str
        wav, flac, ogg, opus, mp3 or m4a.
    tags : Tags

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if not tags:
        return
    try:
        _WRITERS[format](path, tags)
    except mutagen.MutagenError as error:
        cause = error.__cause__ or error.__context__ or (error.args[0] if error.args else None)
        if isinstance(cause, OSError):
            raise cause from None
        # The sound is fine, so a warning is enough.
        log.warning("%s: the tags could not be written: %s", display(path), error)


def info_strings(tags: Tags) -> dict[str, str]:
    """Return the tags that libsndfile itself writes into a WAV, keyed by its names."""
    names = ("title", "artist", "album", "date", "tracknumber", "genre")
    return {name: tags.texts[name] for name in names if name in tags.texts}


def _write_id3(tags: id3.ID3Tags, wanted: Tags) -> None:
    for name, value in wanted.texts.items():
        tags.add(TEXTS[name].frame(encoding=id3.Encoding.UTF16, text=[value]))
    if wanted.cover:
        cover = wanted.cover
        tags.add(
            id3.APIC(id3.Encoding.LATIN1, mime=cover.mime, type=FRONT, desc="", data=cover.data)
        )
    tags.update_to_v23()  # the version that all players read


def _write_mp3(path: Path, wanted: Tags) -> None:
    tags = id3.ID3()
    _write_id3(tags, wanted)
    tags.save(path, v2_version=3)


def _write_wav(path: Path, wanted: Tags) -> None:
    with path.open("rb") as opened:
        if opened.read(4) == b"RF64":  # long WAV: libsndfile has written what it can hold
            return
    file = WAVE(path)
    file.add_tags()
    _write_id3(file.tags, wanted)
    file.save(v2_version=3)


def _write_flac(path: Path, wanted: Tags) -> None:
    file = FLAC(path)
    for name, value in wanted.texts.items():
        file[name] = [value]
    if wanted.cover:
        file.add_picture(_picture(wanted.cover))
    file.save()


def _write_ogg(path: Path, wanted: Tags, kind: Callable[[Path], Any]) -> None:
    file = kind(path)
    for name, value in wanted.texts.items():
        file[name] = [value]
    if wanted.cover:
        block = base64.b64encode(_picture(wanted.cover).write()).decode("ascii")
        file["metadata_block_picture"] = [block]
    file.save()


def _write_m4a(path: Path, wanted: Tags) -> None:
    file = MP4(path)
    for name, value in wanted.texts.items():
        key = TEXTS[name].mp4
        if key in ("trkn", "disk"):
            if numbers := re.match(r"(\d{1,4})(?:/(\d{1,4}))?", value):
                file[key] = [(int(numbers[1]), int(numbers[2] or 0))]
        else:
            file[key] = [value]
    if wanted.cover:
        kind = MP4Cover.FORMAT_PNG if "png" in wanted.cover.mime else MP4Cover.FORMAT_JPEG
        file["covr"] = [MP4Cover(wanted.cover.data, imageformat=kind)]
    file.save()


def _picture(cover: Cover) -> Picture:
    picture = Picture()
    picture.type = FRONT
    picture.mime = cover.mime
    picture.data = cover.data
    return picture


_WRITERS: dict[str, Callable[[Path, Tags], None]] = {
    "wav": _write_wav,
    "flac": _write_flac,
    "ogg": lambda path, tags: _write_ogg(path, tags, OggVorbis),
    "opus": lambda path, tags: _write_ogg(path, tags, OggOpus),
    "mp3": _write_mp3,
    "m4a": _write_m4a,
}
