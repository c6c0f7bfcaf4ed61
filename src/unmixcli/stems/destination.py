"""Where the stems of one recording go, and which of them already exist."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from ..audio.reading import refuse_missing
from ..audio.tags import Tags, read_tags
from ..audio.writing import refuse_existing
from ..errors import BusyError, DoneError, InputError, OutputError
from ..files.leases import Lease, sweep_lease
from ..files.paths import exists, identity
from ..files.readers import FileView
from ..words import display
from .manifest import Manifest, Source
from .names import Namer
from .recipe import Recipe


class _TagsOf:
    """The tags of a recording, read when they are first needed: skipping does not."""

    def __init__(self, recording: Path | BinaryIO) -> None:
        self._recording = recording

    @cached_property
    def tags(self) -> Tags:
        return read_tags(self._recording)


@dataclass(frozen=True)
class Destination:
    """Where the stems of one recording go, and which of them already exist.

    Attributes
    ----------
    recording : Path
    subfolder : Path
        Folder of the stems below the output folder.
    stems : dict of str to Path
    manifest : Manifest
    source : Source
    content : file object, optional
        The recording's bytes, if its path is only a name.
    with_tags : bool
        Whether the stems get the recording's tags.
    """

    recording: Path
    subfolder: Path
    stems: dict[str, Path]
    manifest: Manifest
    source: Source
    content: BinaryIO | None
    with_tags: bool
    _tags: _TagsOf

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
        by_content: bool = False,
    ) -> Destination:
        """Work out where a recording's stems go.

        Parameters
        ----------
        namer : Namer
        stems : sequence of str
        path : Path
            The recording.
        content : file object, optional
            Its bytes, if the path is only a name.
        subfolder : Path
            Folder of its stems below the output folder.
        with_tags : bool
            Whether the stems get the recording's tags.
        by_content : bool
            Whether only the recording's bytes tell that stems are of it.

        Raises
        ------
        InputError
            If the recording does not exist.
        UsageError
            If two stems would have the same name.
        """
        source = _source_of(path, content, by_content)
        tags = _TagsOf(content or path)
        texts = tags.tags.texts if namer.needs_tags else {}
        paths = namer.paths(path, stems, texts, subfolder)
        manifest = Manifest(namer.manifest(path, texts, subfolder))
        plain = cls(path, subfolder, paths, manifest, source, content, with_tags, tags)
        return plain.spelt_out(namer) if plain._is_of_a_twin() else plain

    def spelt_out(self, namer: Namer) -> Destination:
        """Return the place whose name has the recording's extension: ``a.mp4`` beside ``a.wav``."""
        name = namer.spelt_out(self.recording)
        texts = self._tags.tags.texts if namer.needs_tags else {}
        return replace(
            self,
            stems=namer.paths(name, self.stems, texts, self.subfolder),
            manifest=Manifest(namer.manifest(name, texts, self.subfolder)),
        )

    @property
    def tags(self) -> Tags:
        """The tags of the recording that its stems get."""
        return self._tags.tags if self.with_tags else Tags()

    def _is_of_a_twin(self) -> bool:
        """Return whether the stems here are of a recording beside this one, of the same name."""
        other = Path(self.manifest.made_of(self.stems.values())).name
        if not other or other == self.recording.name or Path(other).stem != self.recording.stem:
            return False
        return exists(self.recording.with_name(other))

    def missing(self, recipe: Recipe) -> str | None:
        """Say why the stems are not up to date, or return None if they are."""
        return self.manifest.missing(recipe, self.source, self.stems)

    def claim(self) -> Lease:
        """Prevent other processes from writing the same stems; a context manager.

        Raises
        ------
        BusyError
            If another process is writing them.
        OutputError
            If the output folder cannot be written.
        """
        path = self._lease
        try:
            lease = Lease.take(path)
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

    def confirm(self, lease: Lease) -> None:
        """Make sure that the claim still holds: another process may have taken over.

        Raises
        ------
        BusyError
            If it does not.
        """
        if not lease.held:
            raise BusyError(
                f"another process took over {display(self.recording)}, because this one had "
                "stopped for minutes; its stems are not kept twice"
            )

    def tidy(self) -> None:
        """Remove the claim that a process left behind which died when its stems were done."""
        sweep_lease(self._lease)

    @property
    def _lease(self) -> Path:
        return self.manifest.path.with_name(f"{self.manifest.path.name}.lease")

    def replaceable(self, recipe: Recipe, *, overwrite: bool, skip_existing: bool) -> set[Path]:
        """Return the files that may be replaced.

        Raises
        ------
        DoneError
            If the stems are already up to date.
        OutputError
            If other files are in the way.
        """
        reason = self.missing(recipe) if skip_existing and not overwrite else ""
        replaced = self.in_the_way(overwrite=overwrite or reason is None, reason=reason or "")
        if reason is None:
            raise DoneError(f"the stems of {display(self.recording)} already exist")
        return replaced

    def in_the_way(self, *, overwrite: bool, reason: str = "") -> set[Path]:
        """Return the files that may be replaced; ``reason`` says why others are not good enough.

        Raises
        ------
        OutputError
            If other files are in the way.
        """
        paths = list(self.stems.values())
        recording = identity(self.recording)
        for path in paths:
            if recording and identity(path) == recording:
                raise OutputError(
                    f"{display(path)} is the recording itself, which is not replaced by a stem; "
                    "choose another --outdir or --filename"
                )
        if overwrite:
            return set(paths)
        replaced = self.manifest.half_made(paths)
        refuse_existing(paths, replaced, reason)
        return replaced


def _source_of(path: Path, content: BinaryIO | None, by_content: bool) -> Source:
    if content is None:
        refuse_missing(path)
        try:
            return Source.of(path, by_content)
        except OSError as error:
            raise InputError(f"{display(path)} cannot be read: {error.strerror}") from None
    view = io.BufferedReader(FileView(content), 2**20)
    digest = hashlib.file_digest(view, "sha256").hexdigest()
    return Source(path.name, view.tell(), 0, digest=digest)
