"""Write the stems of one recording: levels, tags, files and the record beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..audio.formats import Encoding
from ..audio.rescaling import rescaled
from ..audio.writing import Level, Shape, StemWriter
from ..files.signals import unbroken
from ..models.interface import Block
from ..words import display
from .destination import Destination
from .levelling import Levelling, Loudness
from .recipe import Recipe

log = logging.getLogger("unmixcli")


@dataclass(frozen=True)
class Saved:
    """What is known of stems once they are written.

    Attributes
    ----------
    levels : dict of str to Level
    gain : float
        Factor that was applied to all stems.
    loudness : Loudness or None
        If a loudness was asked for.
    """

    levels: dict[str, Level]
    gain: float
    loudness: Loudness | None


class Saver:
    """Writes the stems of one recording.

    Parameters
    ----------
    destination : Destination
    recipe : Recipe
    shape : Shape
        Of each stem.
    encoding : Encoding
    replaced : set of Path
        Existing files that may be replaced, see `Destination.replaceable`.
    temp_dir : Path, optional
        Folder of temporary files.
    """

    def __init__(
        self,
        destination: Destination,
        recipe: Recipe,
        shape: Shape,
        encoding: Encoding,
        replaced: set[Path],
        temp_dir: Path | None = None,
    ) -> None:
        self.shape = shape
        self._destination = destination
        self._recipe = recipe
        self._encoding = encoding
        self._replaced = replaced
        self._temp_dir = temp_dir

    def save(
        self,
        blocks: Iterator[Block],
        levelling: Levelling,
        measured: Callable[[], dict[str, Any]] = dict,
        complete: Callable[[], None] = lambda: None,
    ) -> Saved:
        """Write the stems.

        Parameters
        ----------
        blocks : iterator of ndarray, shape (stems, channels, samples)
        levelling : Levelling
            Chooses the gain of all stems.
        measured : callable, optional
            Returns what was measured on the way, for the record.
        complete : callable, optional
            Called when all stems are complete, before they get their names; an error
            that it raises keeps them from it.

        Raises
        ------
        OutputError
            If a file cannot be written. Nothing is left behind.
        """
        # The first block arrives after the whole recording was read once, so
        # that a damaged recording fails before any file is created.
        blocks = chain([next(blocks)], blocks)
        destination, shape = self._destination, self.shape
        if destination.tags.problem:
            name = display(destination.recording)
            log.warning("%s: %s", name, destination.tags.problem)
        stems = destination.stems
        blocks = levelling.measured(blocks, len(stems), shape)
        together = (
            rescaled(blocks, len(stems), shape, levelling.gain, self._temp_dir)
            if levelling.needed
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
            complete()
            # Stems without their record would look like made by hand.
            facts = measured() | ({} if gain == 1 else {"gain": round(gain, 6)})
            facts |= levelling.loudness.facts if levelling.loudness else {}
            with (
                unbroken(),
                destination.manifest.entry(self._recipe, destination.source, writer.parts, facts),
            ):
                writer.place()
        levels = {
            name: Level(level.peak / gain, level.limited)
            for name, level in zip(stems, writer.levels, strict=True)
        }
        self._report_limited(levels)
        return Saved(levels, gain, levelling.loudness)

    def _report_limited(self, levels: dict[str, Level]) -> None:
        limited = {name: level.limited for name, level in levels.items() if level.limited}
        if limited:
            counts = ", ".join(f"{count} of {name}" for name, count in limited.items())
            log.warning(
                "%s: samples beyond full scale were limited: %s; --clip rescale turns all stems "
                "down by the same gain instead, --format wav keeps the samples",
                display(self._destination.recording),
                counts,
            )
