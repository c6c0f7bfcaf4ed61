"""Stems and mixes on their way out: written in the wanted format, alone or in a zip."""

from __future__ import annotations

import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..audio.formats import Encoding
from ..audio.reading import Excerpt, open_excerpt
from ..audio.resampling import length_at, resample
from ..audio.tags import Tags, read_tags
from ..audio.writing import Shape, StemWriter, peak_of
from ..errors import InputError, UsageError
from .records import Song
from .uploads import safe_name

Audio = NDArray[np.float32]

KEPT = 8
"""Exports that wait to be fetched; the oldest goes when there is another one."""
_LOUDEST = 16.0
"""The highest gain of a stem in a mix."""


class Form(BaseModel):
    """What to write of a separation.

    Attributes
    ----------
    stems : list of str
        Stems to write, each to a file of its own; several go into a zip.
    mix : dict of str to float
        In place of that: the gains of the stems in a mix.
    format : str
    quality : str or None
        ``16``, ``24`` or ``32f`` bits of a lossless format; ``320k`` or 0 to 10 of a lossy one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stems: list[str] = Field(default=[], max_length=64)
    mix: dict[str, float] = Field(default={}, max_length=64)
    format: Literal["wav", "flac", "mp3", "m4a", "ogg", "opus"] = "wav"
    quality: str | None = Field(default=None, pattern=r"^(16|24|32f|\d{1,3}k|10|[0-9])$")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.stems) == bool(self.mix):
            raise ValueError("give either stems or a mix")
        if not all(0 <= gain <= _LOUDEST for gain in self.mix.values()):
            raise ValueError(f"the gains of a mix are 0 to {_LOUDEST:g}")
        return self

    @property
    def encoding(self) -> Encoding:
        """The encoding to write with; raise `UsageError` if there is no such one."""
        quality = self.quality
        if quality in ("16", "24", "32f"):
            return Encoding.of(self.format, bit_depth=quality)
        if quality is not None:
            return Encoding.of(self.format, quality=quality if "k" in quality else float(quality))
        return Encoding.of(self.format, "24" if self.format == "wav" else None)


@dataclass(frozen=True)
class Export:
    """A file that is ready to be fetched."""

    id: str
    path: Path

    def shown(self) -> dict[str, object]:
        """Return what clients see."""
        size = self.path.stat().st_size
        return {
            "id": self.id, "name": self.path.name, "size": size, "url": f"/api/exports/{self.id}",
        }  # fmt: skip


class Exports:
    """Writes exports into a folder and keeps the latest ones.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Export] = {}
        self._lock = threading.Lock()  # one at a time: encoding takes all cores

    def make(self, song: Song, recording: Path, stems: Mapping[str, Path], form: Form) -> Export:
        """Write an export.

        Parameters
        ----------
        song : Song
        recording : Path
            Of the song; a mix gets its tags.
        stems : mapping of str to Path
            All stems of the separation.
        form : Form

        Raises
        ------
        UsageError
            If a stem does not exist, or a format has no such quality.
        InputError
            If a stem cannot be read.
        OutputError
            If the export cannot be written.
        """
        encoding = form.encoding
        for name in (*form.stems, *form.mix):
            if name not in stems:
                raise UsageError(f"there is no stem {name!r}, only {', '.join(stems)}")
        missing = [path.name for path in stems.values() if not path.is_file()]
        if missing:
            raise InputError(f"{missing[0]} was moved or deleted; separate the song again")
        id = secrets.token_hex(8)
        folder = self._folder / id
        with self._lock:
            folder.mkdir()
            try:
                if form.mix:
                    path = self._mix(folder, song, recording, stems, form, encoding)
                else:
                    path = self._stems(folder, song, stems, form, encoding)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            export = self._kept[id] = Export(id, path)
            while len(self._kept) > KEPT:
                old = self._kept.pop(next(iter(self._kept)))
                shutil.rmtree(old.path.parent, ignore_errors=True)
        return export

    def find(self, id: str) -> Export | None:
        """Return an export that is still there."""
        return self._kept.get(id)

    def _stems(
        self, folder: Path, song: Song, stems: Mapping[str, Path], form: Form, encoding: Encoding
    ) -> Path:
        paths = {
            name: folder / _name(song, name, form.format) for name in dict.fromkeys(form.stems)
        }
        for name, path in paths.items():
            _write(path, [(open_excerpt(stems[name]), 1.0)], encoding, read_tags(stems[name]))
        if len(paths) == 1:
            return next(iter(paths.values()))
        bundle = folder / safe_name(f"{song.title} (stems).zip")
        with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
            for path in paths.values():
                file.write(path, path.name)
                path.unlink()
        return bundle

    def _mix(
        self,
        folder: Path,
        song: Song,
        recording: Path,
        stems: Mapping[str, Path],
        form: Form,
        encoding: Encoding,
    ) -> Path:
        heard = {name: gain for name, gain in form.mix.items() if gain > 0}
        if not heard:
            raise UsageError("all stems of the mix are silent: there is nothing to write")
        label = "mix" if len(heard) == len(stems) else ", ".join(heard)
        path = folder / _name(song, label, form.format)
        parts = [(open_excerpt(stems[name]), gain) for name, gain in heard.items()]
        _write(path, parts, encoding, read_tags(recording).of_stem(label, song.title))
        return path


def mixed(parts: list[tuple[Excerpt, float]]) -> Iterator[Audio]:
    """Add stems of one separation, which have one shape, with their gains.

    Yields
    ------
    ndarray, shape (channels, samples)
    """
    for blocks in zip(*(stem.blocks() for stem, _ in parts), strict=True):
        sum_ = np.zeros_like(blocks[0])
        for block, (_, gain) in zip(blocks, parts, strict=True):
            sum_ += np.float32(gain) * block
        yield sum_


def _write(path: Path, parts: list[tuple[Excerpt, float]], encoding: Encoding, tags: Tags) -> None:
    """Write the sum of some stems; turn it down if it would exceed full scale."""
    first = parts[0][0]
    loudest = 1.0
    if len(parts) > 1 or parts[0][1] > 1:
        loudest = max(1.0, *(peak_of(block) for block in mixed(parts)))
    rate = encoding.rate_for(first.sample_rate)
    shape = Shape(rate, first.channels, length_at(first, rate))
    blocks = (block / np.float32(loudest) for block in mixed(parts))
    with StemWriter([path], shape, encoding, [tags]) as writer:
        for block in resample(blocks, first.sample_rate, rate, shape.length):
            writer.write(block[np.newaxis])


def _name(song: Song, what: str, format: str) -> str:
    title = song.title.replace("/", "_").replace("\\", "_")[:60]
    return safe_name(f"{title} ({what[:60]}).{format}")
