"""Where the stems of one recording go, and what is there already."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..audio.reading import refuse_missing
from ..audio.tags import Tags, read_tags
from ..audio.writing import refuse_existing
from ..errors import BusyError, DoneError, InputError, OutputError
from ..files.leases import Lease
from ..files.readers import FileView
from ..words import display
from .manifest import Manifest, Source
from .names import Namer
from .recipe import Recipe


@dataclass(frozen=True)
class Destination:
    """Where the stems of one recording go, and what is there already.

    Attributes
    ----------
    recording : Path
    stems : dict of str to Path
    tags : Tags
        Of the recording.
    manifest : Manifest
    source : Source
    """

    recording: Path
    stems: dict[str, Path]
    tags: Tags
    manifest: Manifest
    source: Source

    @classmethod
    def of(
        cls,
        namer: Namer,
        stems: Sequence[str],
        path: Path,
        content: BinaryIO | None = None,
        subfolder: Path = Path(),
        *,
        with_tags: bool = True,
    ) -> Destination:
        """Work out where a recording's stems go.

        Parameters
        ----------
        namer : Namer
        stems : sequence of str
        path : Path
            Of the recording.
        content : file object, optional
            Its bytes, where the path is only a name.
        subfolder : Path
            Where below the output folder its stems go.
        with_tags : bool
            Whether the stems get the recording's tags.

        Raises
        ------
        InputError
            If there is no such recording.
        UsageError
            If two stems would have the same name.
        """
        source = _source_of(path, content)
        tags = Tags()
        if with_tags or namer.needs_tags:
            tags = read_tags(content or path)
        paths = namer.paths(path, stems, tags.texts, subfolder)
        manifest = Manifest(namer.manifest(path, tags.texts, subfolder))
        return cls(path, paths, tags if with_tags else Tags(), manifest, source)

    def missing(self, recipe: Recipe) -> str | None:
        """Say why the stems cannot pass for done, or None if they are."""
        return self.manifest.missing(recipe, self.source, self.stems)

    def claim(self) -> Lease:
        """Keep other processes from making the same stems; a context manager.

        Raises
        ------
        BusyError
            If another process is making them.
        OutputError
            If the output folder cannot be written.
        """
        path = self.manifest.path
        try:
            lease = Lease.take(path.with_name(f"{path.name}.lease"))
        except OSError as error:
            raise OutputError(
                f"{display(path.parent)} cannot be written: {error.strerror}; "
                "choose another folder with --outdir"
            ) from None
        if lease is None:
            raise BusyError(
                f"another process is separating {display(self.recording)} into "
                f"{display(path.parent)}; wait for it, or choose another folder with --outdir"
            )
        return lease

    def replaceable(self, recipe: Recipe, *, overwrite: bool, skip_existing: bool) -> set[Path]:
        """Return the files that may be replaced.

        Raises
        ------
        DoneError
            If they are what would be made.
        OutputError
            If others are in the way.
        """
        paths = list(self.stems.values())
        if overwrite:
            return set(paths)
        replaced = self.manifest.half_made(paths)
        reason = self.missing(recipe) if skip_existing else ""
        if reason is None:
            raise DoneError(f"the stems of {display(self.recording)} exist already")
        refuse_existing(paths, replaced, reason or "")
        return replaced


def _source_of(path: Path, content: BinaryIO | None) -> Source:
    if content is None:
        refuse_missing(path)
        try:
            return Source.of(path)
        except OSError as error:
            raise InputError(f"{display(path)} cannot be read: {error.strerror}") from None
    view = io.BufferedReader(FileView(content), 2**20)
    digest = hashlib.file_digest(view, "sha256").hexdigest()
    return Source(path.name, view.tell(), 0, digest=digest)
