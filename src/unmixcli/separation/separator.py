"""Separate one recording into stems.

A `Separator` loads a model once. It converts each recording to the model's rate
and channels, and the stems back to the recording's. Blocks flow from the reader
through the model to the writers; a track is never held in memory as a whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ..audio.arrays import ArrayRecording
from ..audio.reading import Excerpt, open_excerpt
from ..audio.resampling import Recording, length_at
from ..audio.writing import Shape
from ..errors import UsageError
from ..models.contract import check_model
from ..models.interface import Block, Progress, ignore
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..options.keywords import Options
from ..signal.closing import Gap
from ..stems.destination import Destination
from ..stems.levelling import Levelling
from ..stems.saving import Saver
from .device import resolve_device
from .flow import stems_of
from .forms import Form, check_rate, shared
from .listening import make_page, place_of_page
from .order import Order
from .precision import resolve_precision
from .results import SeparatedTrack

if TYPE_CHECKING:
    import torch

    from ..models.store import Report
    from .forms import AudioLike

log = logging.getLogger("unmixcli")


class Separator:
    """A loaded model together with its options.

    Loading takes a moment. After that, its methods can be called any number
    of times, also from several threads at once.

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
    """

    def __init__(
        self,
        config: SeparationConfig | None = None,
        *,
        fetch_progress: Report | None = None,
        **options: Unpack[Options],
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

    def __repr__(self) -> str:
        given = {"model": self.config.model} | self.config.changed()
        return f"Separator({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the order; the copy loads the model again."""
        return _reload, (type(self), self.order)

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
            offline=bool(config.offline),
            progress=fetch_progress,
        )
        check_model(self._model, self.card.name, self.card.plugin)
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

    @overload
    def separate(
        self,
        audio: NDArray[Any],
        sample_rate: int,
        progress: Progress | None = None,
        *,
        channels_first: bool = False,
    ) -> dict[str, NDArray[np.float32]]: ...

    @overload
    def separate(
        self,
        audio: torch.Tensor,
        sample_rate: int,
        progress: Progress | None = None,
        *,
        channels_first: bool = False,
    ) -> dict[str, torch.Tensor]: ...

    def separate(
        self,
        audio: AudioLike,
        sample_rate: int | None = None,
        progress: Progress | None = None,
        *,
        channels_first: bool = False,
    ) -> dict[str, Any]:
        """Separate an array or a tensor.

        The config's ``start`` and ``duration`` apply; its options for files do not.

        Parameters
        ----------
        audio : ndarray or torch.Tensor, shape (samples,) or (samples, channels)
            Floating point with full scale 1, or integers of 8, 16 or 32 bits.
            Only the first two channels are used.
        sample_rate : int
            In Hz.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.
        channels_first : bool
            Read the axes as (channels, samples) or (batch, channels, samples).

        Returns
        -------
        dict of str to ndarray or torch.Tensor, float32
            The stems, keyed by `stem_names`, each in the shape of the audio, and
            on its device if it is a tensor.

        Raises
        ------
        UsageError
            If the sample rate is missing or impossible.
        InputError
            If the audio is empty, not finite or of another shape or type.
        """
        rate = check_rate(sample_rate)
        form, recordings = Form.split(audio, channels_first)
        shares = shared(progress or ignore, len(recordings))
        parts = [self._separate_one(*each) for each in zip(recordings, repeat(rate), shares)]
        return form.join(parts)

    def _separate_one(
        self, audio: NDArray[Any], sample_rate: int, progress: Progress
    ) -> dict[str, NDArray[np.float32]]:
        """Return the stems of one recording, shape (channels, samples)."""
        config = self.config
        recording = ArrayRecording.of(audio, sample_rate, config.start, config.duration)
        shape = (len(self.stem_names), recording.channels, recording.length)
        result = np.empty(shape, np.float32)
        done = 0
        for block in self._outputs(recording, recording.sample_rate, progress, Gap()):
            result[..., done : done + block.shape[-1]] = block
            done += block.shape[-1]
        return dict(zip(self.stem_names, result, strict=True))

    def stream(
        self,
        recording: str | PathLike[str] | NDArray[Any],
        sample_rate: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Separate a recording and yield its stems block by block, in little memory.

        Parameters
        ----------
        recording : str, path or ndarray
            A file, or an array of shape (samples,) or (samples, channels).
        sample_rate : int, optional
            Of an array, in Hz.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.

        Yields
        ------
        dict of str to ndarray, shape (samples, channels), float32
            Consecutive blocks of all stems, keyed by `stem_names`, at the rate of
            the recording or of the config's ``sample_rate``.
        """
        config = self.config
        source: Recording
        if isinstance(recording, (str, PathLike)):
            source = open_excerpt(Path(recording), config.start, config.duration, config.temp_dir)
            rate = self._shape(source).sample_rate
        else:
            rate = check_rate(sample_rate)
            _, (audio,) = Form.split(recording, channels_first=False)
            source = ArrayRecording.of(audio, rate, config.start, config.duration)
        for block in self._outputs(source, rate, progress or ignore, Gap()):
            yield {
                name: np.ascontiguousarray(stem.T)
                for name, stem in zip(self.stem_names, block, strict=True)
            }

    def separate_file(
        self,
        recording: str | PathLike[str] | Excerpt,
        progress: Progress | None = None,
        *,
        destination: Destination | None = None,
    ) -> SeparatedTrack:
        """Separate a file and write its stems.

        ``.unmix.json`` beside the stems records how they were made.

        Parameters
        ----------
        recording : str, Path or Excerpt
            A path is opened with the ``start`` and ``duration`` of the config.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1; again from 0 for a page.
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
            path = Path(recording)
            recording = open_excerpt(path, config.start, config.duration, config.temp_dir)
        destination = destination or Destination.of(
            order.namer,
            order.plan.names,
            recording.path,
            recording.content,
            with_tags=config.tags,
            by_content=config.compare_content,
        )
        page = place_of_page(order, destination)
        recipe = order.recipe
        shape = self._shape(recording)
        with destination.claim() as lease:
            replaced = destination.replaceable(
                recipe, overwrite=config.overwrite, skip_existing=config.skip_existing
            )
            saver = Saver(destination, recipe, shape, order.encoding, replaced, config.temp_dir)
            gap = Gap()
            saved = saver.save(
                self._outputs(recording, shape.sample_rate, report, gap),
                Levelling.of(config.loudness, order.encoding, recording),
                lambda: {} if gap.decibels is None else {"gap_db": round(gap.decibels, 2)},
                lambda: destination.confirm(lease),
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
            saved.levels,
            saved.gain,
            page,
            saved.loudness,
            gap.decibels,
        )

    def _shape(self, recording: Recording) -> Shape:
        """Return the rate, channels and length of the stems of a recording."""
        named = {"input": recording.sample_rate, "model": self.sample_rate}
        wanted = self.config.sample_rate
        rate = self.order.encoding.rate_for(named.get(str(wanted)) or int(wanted))
        return Shape(rate, recording.channels, length_at(recording, rate))

    def _outputs(
        self, recording: Recording, sample_rate: int, progress: Progress, gap: Gap
    ) -> Iterator[Block]:
        return stems_of(self._model, self.card, self.order, recording, sample_rate, progress, gap)


def _reload(kind: type[Separator], order: Order) -> Separator:
    return kind.of(order, Registry())
