"""Read tags from recordings in any format."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen import id3
from mutagen.flac import Picture

from ...files.readers import FileView

FRONT = 3
"""The picture type of a front cover, in ID3 and in FLAC."""


@dataclass(frozen=True)
class _Names:
    """The names of one text field in the different formats."""

    frame: type[id3.TextFrame]
    mp4: str
    asf: str
    ape: str
    ffmpeg: str


# Our names are those of Vorbis comments, in lower case.
TEXTS = {
    "title": _Names(id3.TIT2, "\xa9nam", "Title", "Title", "title"),
    "artist": _Names(id3.TPE1, "\xa9ART", "Author", "Artist", "artist"),
    "album": _Names(id3.TALB, "\xa9alb", "WM/AlbumTitle", "Album", "album"),
    "albumartist": _Names(id3.TPE2, "aART", "WM/AlbumArtist", "Album Artist", "album_artist"),
    "tracknumber": _Names(id3.TRCK, "trkn", "WM/TrackNumber", "Track", "track"),
    "discnumber": _Names(id3.TPOS, "disk", "WM/PartOfSet", "Disc", "disc"),
    "date": _Names(id3.TDRC, "\xa9day", "WM/Year", "Year", "date"),
    "genre": _Names(id3.TCON, "\xa9gen", "WM/Genre", "Genre", "genre"),
    "composer": _Names(id3.TCOM, "\xa9wrt", "WM/Composer", "Composer", "composer"),
}


@dataclass(frozen=True)
class Cover:
    """A picture."""

    mime: str
    data: bytes
    kind: int = FRONT


@dataclass(frozen=True)
class Tags:
    """The tags of a recording.

    Attributes
    ----------
    texts : mapping of str to str
        Keyed by the lower-case names of Vorbis comments: title, artist, album,
        albumartist, tracknumber, discnumber, date, genre, composer.
    cover : Cover or None
    problem : str
        Why the tags could not be read, if that failed.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    cover: Cover | None = None
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.texts) or self.cover is not None

    def of_stem(self, stem: str, track: str) -> Tags:
        """Return the tags of a stem: the same ones, with the stem's name in the title.

        Parameters
        ----------
        stem : str
        track : str
            Used if the title is missing.
        """
        if not self:
            return self
        title = f"{self.texts.get('title', track)} ({stem})"
        return replace(self, texts={**self.texts, "title": title})


def read_tags(source: Path | BinaryIO) -> Tags:
    """Read the tags of a recording in any format.

    Never fails: the result has no tags if they cannot be read.

    Parameters
    ----------
    source : Path or file object
    """
    try:
        file = _open(source)
        tags = _read(file) if file is not None else Tags()
    except Exception as error:  # a parser may raise anything on damaged tags
        tags = Tags(problem=str(error) or type(error).__name__)
    return tags if tags.texts else replace(tags, texts=_read_with_ffmpeg(source))


def _open(source: Path | BinaryIO) -> Any:
    return mutagen.File(source if isinstance(source, Path) else FileView(source))


def _read(file: Any) -> Tags:
    """Read the tags that mutagen found, whatever their kind."""
    tags = file.tags if file.tags is not None else {}
    words, covers = _READERS.get(_kind(tags), (_vorbis_words, _vorbis_covers))
    texts = {name: words(tags, name) for name in TEXTS}
    pictures = [Cover(p.mime, p.data, p.type) for p in getattr(file, "pictures", [])]
    with contextlib.suppress(Exception):  # keep the text even if a picture is damaged
        pictures += covers(tags)
    return Tags({name: text for name, text in texts.items() if text}, _best(pictures))


def _kind(tags: Any) -> str:
    return "ID3" if isinstance(tags, id3.ID3Tags) else type(tags).__name__


def _id3_words(tags: Any, name: str) -> str:
    frames = tags.getall(TEXTS[name].frame.__name__)
    if not frames:
        return ""
    return _words(frames[0].genres if name == "genre" else frames[0].text)


def _id3_covers(tags: Any) -> list[Cover]:
    return [Cover(p.mime, p.data, int(p.type)) for p in tags.getall("APIC")]


def _mp4_words(tags: Any, name: str) -> str:
    values = tags.get(TEXTS[name].mp4)
    if values and isinstance(values[0], tuple):  # a number and a total
        number, total = values[0]
        return f"{number}/{total}" if number and total else str(number or "")
    return _words(values)


def _mp4_covers(tags: Any) -> list[Cover]:
    return [Cover(_mime(bytes(c)), bytes(c)) for c in tags.get("covr", [])]


def _ape_words(tags: Any, name: str) -> str:
    return _words(tags.get(TEXTS[name].ape))


def _ape_covers(tags: Any) -> list[Cover]:
    if (key := "Cover Art (Front)") not in tags:
        return []
    data = bytes(tags[key].value).partition(b"\0")[2]  # the picture follows a file name
    return [Cover(_mime(data), data)]


def _asf_words(tags: Any, name: str) -> str:
    return _words(tags.get(TEXTS[name].asf))


def _asf_covers(tags: Any) -> list[Cover]:
    """Parse the pictures of a WMA file: kind, size, type, description, data."""
    pictures = []
    for value in tags.get("WM/Picture", []):
        data = bytes(value.value)
        mime, rest = _utf16_word(data[5:])
        _, picture = _utf16_word(rest)
        pictures.append(Cover(mime, picture, data[0]))
    return pictures


def _vorbis_words(tags: Any, name: str) -> str:
    return _words(tags.get(name))


def _vorbis_covers(tags: Any) -> list[Cover]:
    found = [Picture(base64.b64decode(text)) for text in tags.get("metadata_block_picture", [])]
    return [Cover(p.mime, p.data, p.type) for p in found]


_READERS: dict[str, tuple[Callable[[Any, str], str], Callable[[Any], list[Cover]]]] = {
    "ID3": (_id3_words, _id3_covers),
    "MP4Tags": (_mp4_words, _mp4_covers),
    "APEv2": (_ape_words, _ape_covers),
    "ASFTags": (_asf_words, _asf_covers),
}


def _read_with_ffmpeg(source: Path | BinaryIO) -> dict[str, str]:
    """Read formats that mutagen does not support: Matroska, AVI, the INFO chunk of a WAV."""
    import av

    try:
        file = str(source) if isinstance(source, Path) else FileView(source)
        with av.open(file, metadata_errors="ignore") as container:
            found = dict(container.metadata)
            for stream in container.streams.audio[:1]:
                found = {**stream.metadata, **found}
    except (av.FFmpegError, OSError, ValueError):
        return {}
    lower = {key.lower(): value.strip() for key, value in found.items()}
    texts = {name: lower.get(names.ffmpeg, "") for name, names in TEXTS.items()}
    return {name: value for name, value in texts.items() if value}


def _words(values: Any) -> str:
    """Join the values of one tag."""
    if values is None:
        return ""
    if not isinstance(values, (list, tuple)):
        values = [values]
    return "; ".join(text for value in values if (text := str(value).strip("\0 ")))


def _utf16_word(data: bytes) -> tuple[str, bytes]:
    """Split off a string that ends in a zero."""
    for end in range(0, len(data) - 1, 2):
        if data[end : end + 2] == b"\0\0":
            return data[:end].decode("utf-16-le"), data[end + 2 :]
    raise ValueError("a string without its final zero")


def _best(pictures: list[Cover]) -> Cover | None:
    """Choose the front cover, or else the first picture."""
    pictures = [picture for picture in pictures if picture.data]
    front = [picture for picture in pictures if picture.kind == FRONT]
    return next(iter(front or pictures), None)


def _mime(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
