"""The engine: a recording in, stems out.

It loads a model once, shows it each recording at the rate and in the channels
that the model wants, and brings the stems back to the recording's own. Blocks
flow from the reader through the model to the writers; no track is ever held
in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..audio.arrays import ArrayRecording
from ..audio.formats import Encoding
from ..audio.reading import Excerpt, open_excerpt
from ..audio.resampling import AdaptedMixture, Recording, blocks_at, length_at
from ..audio.writing import Level, Shape, refuse_existing
from ..errors import UsageError
from ..models.default import choose_model, likely_card
from ..models.interface import Block, Progress
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..page import About, page_path, write_page
from ..stems.destination import Destination, Saver
from ..stems.manifest import Recipe
from ..stems.names import Namer
from .device import resolve_device
from .plan import Plan

if TYPE_CHECKING:
    from ..models.store import Report


@dataclass(frozen=True)
class SeparatedTrack:
    """What came of one file."""

    source: Path
    stems: dict[str, Path]
    """Where each stem is."""
    model: str
    sample_rate: int
    """Of the stems."""
    channels: int
    seconds: float
    """Length of the audio that was separated."""
    elapsed: float
    """Seconds that it took."""
    levels: dict[str, Level]
    gain: float = 1.0
    """By what all stems were multiplied, to keep them within full scale."""
    page: Path | None = None
    """Where the page to listen on is, if one was asked for."""


class Separator:
    """A loaded model with the options to use it with.

    Loading takes a moment; separating can then be done any number of times,
    from several threads at once.

    Parameters
    ----------
    config : SeparationConfig, optional
        Or give its fields as keyword arguments.
    fetch_progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while weights are fetched.
    **options
        Fields of `SeparationConfig`, such as ``model="umxhq"`` or ``niter=0``.

    Raises
    ------
    UsageError
        If an option is out of range or the model has no such target.
    ModelError
        If the model or its weights are not to be had.

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
        config = config or SeparationConfig.parse(**options)
        self._encoding = Encoding.of(config)
        registry = Registry()
        self.plan = Plan.of(config, likely_card(registry, config.model).targets)
        model = choose_model(
            registry,
            config.model,
            self.plan.targets,
            offline=config.offline,
            progress=fetch_progress,
        )
        self.config = config.model_copy(update={"model": model})
        self._namer = Namer.of(self.config, registry.resolve(model).card.name, self.plan.names)
        self.card, self._model = registry.load_model(
            self.config.model,
            self.plan.targets,
            resolve_device(self.config.device),
            offline=self.config.offline,
            progress=fetch_progress,
            options=self.config.options,
        )

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Names of the stems and mixes that come out, in order."""
        return self.plan.names

    @property
    def sample_rate(self) -> int:
        """The model's rate in Hz; recordings may have any."""
        return self._model.sample_rate

    def separate(
        self,
        audio: NDArray[Any],
        sample_rate: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Separate an array.

        ``start`` and ``duration`` of the config apply to it; what it says of
        files does not.

        Parameters
        ----------
        audio : ndarray, shape (samples,) or (samples, channels)
            Floating point, full scale 1. More than two channels: the first two are used.
        sample_rate : int, optional
            In Hz; the model's if not given.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.

        Returns
        -------
        dict of str to ndarray, float32
            For each of `stem_names` the stem, in the shape of the audio.

        Raises
        ------
        InputError
            If the audio is empty, not finite or in no such shape.
        """
        config = self.config
        recording = ArrayRecording.of(
            audio, sample_rate or self.sample_rate, config.start, config.duration
        )
        shape = (len(self.stem_names), recording.channels, recording.length)
        result = np.empty(shape, np.float32)
        done = 0
        for block in self._outputs(recording, recording.sample_rate, progress):
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
            Takes the stage and the fraction done, 0 to 1.
        destination : Destination, optional
            Where its stems go, where that is known already.

        Returns
        -------
        SeparatedTrack

        Raises
        ------
        InputError
            If the file cannot be read or separated.
        OutputError
            If a stem exists already or cannot be written. Nothing is left behind.
        """
        began = time.monotonic()
        config = self.config
        if not isinstance(recording, Excerpt):
            recording = open_excerpt(
                Path(recording), config.start, config.duration, config.temp_dir
            )
        destination = destination or Destination.of(
            config, self.plan, self._namer, recording.path, recording.content
        )
        page = page_path(destination.stems) if config.page else None
        if page and not config.overwrite:
            refuse_existing([page])
        saver = Saver(config, destination, self._recipe, self._shape(recording))
        blocks = self._outputs(recording, saver.shape.sample_rate, progress)
        levels, gain = saver.save(blocks)
        if page:
            (progress or _ignore)("drawing", 1.0)
            about = About(recording.path, destination.tags, self.card, config)
            write_page(page, destination.stems, about)
        return SeparatedTrack(
            recording.path,
            destination.stems,
            self.card.name,
            saver.shape.sample_rate,
            recording.channels,
            recording.seconds,
            time.monotonic() - began,
            levels,
            gain,
            page,
        )

    def _shape(self, recording: Recording) -> Shape:
        """Return the rate, channels and length of the stems of a recording."""
        named = {"input": recording.sample_rate, "model": self.sample_rate}
        wanted = self.config.sample_rate
        rate = self._encoding.rate_for(named[wanted] if isinstance(wanted, str) else wanted)
        return Shape(rate, recording.channels, length_at(recording, rate))

    @cached_property
    def _recipe(self) -> Recipe:
        return Recipe.of(self.config, self.card, self.plan.targets, self.plan.names)

    def _outputs(
        self, recording: Recording, sample_rate: int, progress: Progress | None
    ) -> Iterator[Block]:
        """Yield the stems and mixes of a recording in blocks, in its channels."""
        channels = self._model.channels or recording.channels
        mixture = AdaptedMixture(recording, self._model.sample_rate, channels)
        config = self.config.model_copy(
            update={"targets": self.plan.targets, "residual": self.plan.residual}
        )
        stems = self._model.separate(mixture, config, progress or _ignore)
        restored = mixture.restore(stems, sample_rate)
        return self.plan.mix(restored, blocks_at(recording, sample_rate))


def separate(
    audio: NDArray[Any],
    targets: Sequence[str],
    model_name: str = "umxhq",
    niter: int = 1,
    softmask: bool = False,
    alpha: float = 1.0,
    residual_model: bool = False,
    device: str = "cpu",
) -> dict[str, NDArray[np.float32]]:
    """Separate audio at the model's rate, as Open-Unmix documents its function.

    Parameters
    ----------
    audio : ndarray
        Shape (samples,), (samples, channels) as soundfile reads it, or
        (batch, channels, samples).
    targets : sequence of str
        Targets to estimate.
    model_name : str
        Name of a model, or a folder with one.
    niter : int
        EM iterations.
    softmask : bool
        First estimates by a ratio mask instead of the mixture phase.
    alpha : float
        Exponent of the ratio mask.
    residual_model : bool
        Also estimate what the targets leave: ``accompaniment`` next to one
        target, ``residual`` next to several.
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or ``auto``.

    Returns
    -------
    dict of str to ndarray, float32
        Each stem in the shape of the audio.

    Raises
    ------
    UnmixError
        See `Separator`.
    """
    separator = Separator(
        model=model_name,
        targets=tuple(targets),
        niter=niter,
        softmask=softmask,
        alpha=alpha,
        residual=residual_model,
        device=device,
    )
    if np.ndim(audio) != 3:
        return separator.separate(audio)
    parts = [separator.separate(np.asarray(item).T) for item in audio]
    return {name: np.stack([part[name].T for part in parts]) for name in separator.stem_names}


def _ignore(stage: str, fraction: float) -> None:
    """Take progress and tell nobody."""
