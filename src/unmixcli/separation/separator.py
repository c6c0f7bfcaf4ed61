"""Separate one recording into stems.

A `Separator` loads a model once. It converts each recording to the model's rate
and channels, and the stems back to the recording's. Blocks flow from the reader
through the model to the writers; a track is never held in memory as a whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..audio.arrays import ArrayRecording
from ..audio.reading import Excerpt, open_excerpt
from ..audio.resampling import AdaptedMixture, Recording, blocks_at, length_at
from ..audio.writing import Shape, refuse_existing
from ..errors import UsageError
from ..models.contract import Contract
from ..models.interface import Block, Progress, ignore
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..page import page_path
from ..signal.closing import Gap, put_onto, spread
from ..stems.destination import Destination
from ..stems.saving import Saver
from .device import resolve_device
from .listening import make_page
from .order import Order
from .precision import resolve_precision
from .results import SeparatedTrack

if TYPE_CHECKING:
    from ..models.store import Report

log = logging.getLogger("unmixcli")


class Separator:
    """A loaded model together with its options.

    Loading takes a moment. After that, `separate` and `separate_file` can be
    called any number of times, also from several threads at once.

    Parameters
    ----------
    config : SeparationConfig, optional
        Alternatively, pass its fields as keyword arguments.
    fetch_progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while weights are downloaded.
    **options
        Fields of `SeparationConfig`, such as ``model="umxhq"`` or ``niter=0``.

    Raises
    ------
    UsageError
        If an option is out of range or the model has no such target.
    ModelError
        If the model or its weights are missing, unavailable or damaged.

    Examples
    --------
    >>> separator = Separator(model="umxhq", niter=0)            # doctest: +SKIP
    >>> stems = separator.separate(audio, sample_rate=44100)     # doctest: +SKIP
    >>> track = separator.separate_file("song.flac")             # doctest: +SKIP
    """

    def __init__(
        self,
        config: SeparationConfig | None = None,
        *,
        fetch_progress: Report | None = None,
        **options: Any,
    ) -> None:
        if config is not None and options:
            raise UsageError("give either a config or single options, not both")
        registry = Registry()
        order = Order.of(config or SeparationConfig.parse(**options), registry)
        self._load(order.settled(registry, fetch_progress), registry, fetch_progress)

    @classmethod
    def of(cls, order: Order, registry: Registry, fetch_progress: Report | None = None) -> Self:
        """Load the model of a settled order."""
        separator = cls.__new__(cls)
        separator._load(order, registry, fetch_progress)
        return separator

    def _load(self, order: Order, registry: Registry, fetch_progress: Report | None) -> None:
        config = order.config
        self.order = order
        device = resolve_device(config.device)
        known = order.known(registry)
        self.precision = resolve_precision(
            config.precision, device, known.precisions, known.card.name
        )
        self.card, self._model = registry.load(
            known,
            order.plan.targets,
            device,
            precision=self.precision,
            offline=config.offline,
            progress=fetch_progress,
        )
        if order.idle:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in order.idle)
            log.warning("%s has no effect: %s has no such option", flags, self.card.name)

    @property
    def config(self) -> SeparationConfig:
        """The options, with the name of the chosen model."""
        return self.order.config

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Names of the resulting stems and mixes, in order."""
        return self.order.plan.names

    @property
    def sample_rate(self) -> int:
        """The model's rate in Hz; recordings may have any rate."""
        return self._model.sample_rate

    def separate(
        self,
        audio: NDArray[Any],
        sample_rate: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Separate an array.

        The config's ``start`` and ``duration`` apply; its options for files do not.

        Parameters
        ----------
        audio : ndarray, shape (samples,) or (samples, channels)
            Floating point; full scale is 1. Only the first two channels are used.
        sample_rate : int, optional
            In Hz; the model's rate if not given.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.

        Returns
        -------
        dict of str to ndarray, float32
            The stems, keyed by `stem_names`, each in the shape of the audio.

        Raises
        ------
        InputError
            If the audio is empty, not finite or of another shape or type.
        """
        config = self.config
        recording = ArrayRecording.of(
            audio, sample_rate or self.sample_rate, config.start, config.duration
        )
        shape = (len(self.stem_names), recording.channels, recording.length)
        result = np.empty(shape, np.float32)
        done = 0
        for block in self._outputs(recording, recording.sample_rate, progress or ignore, Gap()):
            result[..., done : done + block.shape[-1]] = block
            done += block.shape[-1]
        return {
            name: stem[0] if np.ndim(audio) == 1 else stem.T
            for name, stem in zip(self.stem_names, result, strict=True)
        }

    def separate_file(
        self,
        recording: str | Path | Excerpt,
        progress: Progress | None = None,
        *,
        destination: Destination | None = None,
    ) -> SeparatedTrack:
        """Separate a file and write its stems.

        A small file beside the stems, ``.unmix.json``, records how they were made.

        Parameters
        ----------
        recording : str, Path or Excerpt
            A path is opened with the ``start`` and ``duration`` of the config.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1. With ``page``, the page's
            stages "drawing" and "encoding" follow, which count from 0 to 1 again.
        destination : Destination, optional
            Where its stems go, if already worked out.

        Returns
        -------
        SeparatedTrack

        Raises
        ------
        InputError
            If the file cannot be read or separated.
        OutputError
            If a stem already exists or cannot be written. No files are left behind.
        """
        began = time.monotonic()
        order, config = self.order, self.config
        report = progress or ignore
        if not isinstance(recording, Excerpt):
            recording = open_excerpt(
                Path(recording), config.start, config.duration, config.temp_dir
            )
        destination = destination or Destination.of(
            order.namer,
            order.plan.names,
            recording.path,
            recording.content,
            with_tags=config.tags,
            by_content=config.compare_content,
        )
        page = page_path(destination.stems) if config.page else None
        if page and not config.overwrite:
            refuse_existing([page])
        recipe = order.recipe
        shape = self._shape(recording)
        with destination.claim():
            replaced = destination.replaceable(
                recipe, overwrite=config.overwrite, skip_existing=config.skip_existing
            )
            saver = Saver(destination, recipe, shape, order.encoding, replaced, config.temp_dir)
            gap = Gap()
            levels, gain = saver.save(
                self._outputs(recording, shape.sample_rate, report, gap),
                lambda: {} if gap.decibels is None else {"gap_db": round(gap.decibels, 2)},
            )
        elapsed = time.monotonic() - began
        if page:
            make_page(order, destination, recording, report)
        return SeparatedTrack(
            recording.path,
            destination.stems,
            self.card.name,
            shape.sample_rate,
            recording.channels,
            recording.seconds,
            elapsed,
            levels,
            gain,
            page,
            gap.decibels,
        )

    def _shape(self, recording: Recording) -> Shape:
        """Return the rate, channels and length of the stems of a recording."""
        named = {"input": recording.sample_rate, "model": self.sample_rate}
        wanted = self.config.sample_rate
        encoding = self.order.encoding
        rate = encoding.rate_for(named[wanted] if isinstance(wanted, str) else wanted)
        return Shape(rate, recording.channels, length_at(recording, rate))

    def _outputs(
        self, recording: Recording, sample_rate: int, progress: Progress, gap: Gap
    ) -> Iterator[Block]:
        """Yield the stems and mixes of a recording in blocks, with its channels."""
        model, plan, request = self._model, self.order.plan, self.order.request
        mixture = AdaptedMixture(recording, model.sample_rate, model.channels or recording.channels)
        contract = Contract(
            self.card.name,
            self.card.plugin,
            len(plan.targets) + plan.residual,
            mixture.channels,
            mixture.length,
        )
        stems = contract.enforce(lambda: model.separate(mixture, request, progress))
        restored = mixture.restore(stems, sample_rate)
        length = length_at(recording, sample_rate)
        closed = self._close(restored, blocks_at(recording, sample_rate), length, gap)
        return plan.mix(closed, blocks_at(recording, sample_rate))

    def _close(
        self, stems: Iterator[Block], mixture: Iterator[Block], length: int, gap: Gap
    ) -> Iterator[Block]:
        """Make the stems add up to the mixture, if that is asked for."""
        wanted = self.config.sum
        if wanted == "none" or self.card.rest:
            return stems
        if wanted == "exact":
            return spread(stems, mixture, length, gap)
        return put_onto(stems, mixture, self.order.plan.targets.index(wanted), gap)
