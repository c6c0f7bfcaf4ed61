"""The stems of one recording on their way to files: names, tags, levels and the record of it."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ..audio.formats import Encoding
from ..audio.reading import refuse_missing
from ..audio.rescaling import rescaled
from ..audio.tags.reading import Tags, read_tags
from ..audio.writing import Level, Shape, StemWriter, refuse_existing
from ..errors import InputError
from ..files.readers import FileView
from ..models.interface import Block
from ..options.config import SeparationConfig
from ..separation.plan import Plan
from ..words import display
from .manifest import Manifest, Recipe, Source
from .names import Namer

log = logging.getLogger("unmixcli")


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
        config: SeparationConfig,
        plan: Plan,
        namer: Namer,
        path: Path,
        content: BinaryIO | None = None,
        subfolder: Path = Path(),
    ) -> Destination:
        """Find out.

        Parameters
        ----------
        config : SeparationConfig
        plan : Plan
        namer : Namer
        path : Path
            Of the recording.
        content : file object, optional
            Its bytes, where the path is only a name.
        subfolder : Path
            Where below the output folder its stems go.

        Raises
        ------
        InputError
            If there is no such recording.
        UsageError
            If two stems would have the same name.
        """
        source = _source_of(path, content)
        tags = Tags()
        if config.tags or namer.needs_tags:
            tags = read_tags(content or path)
        stems = namer.paths(path, plan.names, tags.texts, subfolder)
        manifest = Manifest(namer.manifest(path, tags.texts, subfolder))
        return cls(path, stems, tags if config.tags else Tags(), manifest, source)

    def missing(self, recipe: Recipe) -> str | None:
        """Say why the stems cannot pass for done, or None if they are."""
        return self.manifest.missing(recipe, self.source, self.stems)

    def replaceable(self, config: SeparationConfig, recipe: Recipe) -> set[Path]:
        """Return the files that may be replaced.

        Raises
        ------
        OutputError
            If others are in the way.
        """
        paths = list(self.stems.values())
        if config.overwrite:
            return set(paths)
        replaced = self.manifest.half_made(paths)
        reason = self.missing(recipe) if config.skip_existing else None
        refuse_existing(paths, replaced, reason or "")
        return replaced


class Saver:
    """Writes the stems of one recording.

    Parameters
    ----------
    config : SeparationConfig
    destination : Destination
    recipe : Recipe
    shape : Shape
        Of each stem.

    Raises
    ------
    OutputError
        If one of them exists and must not be replaced.
    """

    def __init__(
        self, config: SeparationConfig, destination: Destination, recipe: Recipe, shape: Shape
    ) -> None:
        self.shape = shape
        self._temp_dir = config.temp_dir
        self._encoding = Encoding.of(config)
        self._destination = destination
        self._recipe = recipe
        self._replaced = destination.replaceable(config, recipe)

    def save(self, blocks: Iterator[Block]) -> tuple[dict[str, Level], float]:
        """Write the stems.

        Parameters
        ----------
        blocks : iterator of ndarray, shape (stems, channels, samples)

        Returns
        -------
        levels : dict of str to Level
        gain : float
            By what all stems were multiplied.

        Raises
        ------
        OutputError
            If a file cannot be written. Nothing is left behind.
        """
        # The first block comes after the whole recording was read once: only
        # one that is sound as a whole gets as far as a file.
        blocks = chain([next(blocks)], blocks)
        destination, shape = self._destination, self.shape
        if destination.tags.problem:
            name = display(destination.recording)
            log.warning("%s: its tags cannot be read: %s", name, destination.tags.problem)
        stems = destination.stems
        together = (
            rescaled(blocks, len(stems), shape, self._temp_dir)
            if self._encoding.clip == "rescale"
            else nullcontext((blocks, 1.0))
        )
        tags = [destination.tags.of_stem(name, destination.recording.stem) for name in stems]
        with (
            together as (ready, gain),
            StemWriter(list(stems.values()), shape, self._encoding, tags, self._replaced) as writer,
        ):
            for block in ready:
                writer.write(block)
            writer.finish()
            with destination.manifest.entry(self._recipe, destination.source, writer.parts):
                writer.place()
        levels = {
            name: Level(level.peak / gain, level.limited)
            for name, level in zip(stems, writer.levels, strict=True)
        }
        self._report_limited(levels)
        return levels, gain

    def _report_limited(self, levels: dict[str, Level]) -> None:
        limited = {name: level.limited for name, level in levels.items() if level.limited}
        if limited:
            counts = ", ".join(f"{count} of {name}" for name, count in limited.items())
            log.warning(
                "%s: samples went beyond full scale and were limited: %s; --clip rescale turns "
                "all stems down alike, --format wav keeps them as they are",
                display(self._destination.recording),
                counts,
            )


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
