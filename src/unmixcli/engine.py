"""The engine: a recording in, stems out.

It loads a model once, shows it each recording at the rate and in the channels
that the model wants, and brings the stems back to the recording's own. Blocks
flow from the reader through the model to the writers; no track is ever held
in memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .audio.reading import MAX_CHANNELS, Excerpt, check_finite, open_excerpt
from .audio.resampling import AdaptedMixture, Recording
from .audio.writing import Level, StemWriter, format_of, refuse_existing
from .config import SeparationConfig
from .device import resolve_device
from .display import display
from .errors import InputError, UsageError
from .models.base import Block, Progress
from .page import PAGE_NAME, write_page
from .registry import Registry

if TYPE_CHECKING:
    from .store import Report

log = logging.getLogger("unmixcli")


@dataclass(frozen=True)
class SeparatedTrack:
    """What came of one file."""

    source: Path
    stems: dict[str, Path]
    """Where each stem is."""
    model: str
    sample_rate: int
    channels: int
    seconds: float
    """Length of the audio that was separated."""
    elapsed: float
    """Seconds that it took."""
    levels: dict[str, Level]
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
        Takes a `unmixcli.store.FetchEvent` while weights are fetched.
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
        self.config = config or SeparationConfig.parse(**options)
        self._format = format_of(self.config.format)
        self.card, self._model = Registry().load_model(
            self.config.model,
            self.config.targets,
            resolve_device(self.config.device),
            offline=self.config.offline,
            progress=fetch_progress,
            options=self.config.options,
        )

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Names of the stems, in order."""
        return self.config.stem_names(self._model.targets)

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

        ``start`` and ``duration`` of the config apply to it.

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
        recording = _ArrayRecording.of(audio, sample_rate or self.sample_rate, self.config)
        shape = (len(self.stem_names), recording.channels, recording.length)
        result = np.empty(shape, np.float32)
        done = 0
        for block in self._stems(recording, progress):
            result[..., done : done + block.shape[-1]] = block
            done += block.shape[-1]
        return {
            name: stem[0] if np.ndim(audio) == 1 else stem.T
            for name, stem in zip(self.stem_names, result, strict=True)
        }

    def separate_file(
        self, recording: str | Path | Excerpt, progress: Progress | None = None
    ) -> SeparatedTrack:
        """Separate a file and write its stems, see `stem_paths`.

        Parameters
        ----------
        recording : str, Path or Excerpt
            A path is opened with the ``start`` and ``duration`` of the config.
        progress : callable, optional
            Takes the stage and the fraction done, 0 to 1.

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
        path = recording.path
        stems = self.stem_paths(path)
        paths = list(stems.values())
        page = paths[0].with_name(PAGE_NAME) if config.page else None
        refuse_existing([*paths, page] if page else paths, config.overwrite)
        rate, channels, length = recording.sample_rate, recording.channels, recording.length
        blocks = self._stems(recording, progress)
        # The first block comes after the whole file was read once: only a
        # recording that is sound as a whole gets as far as a file.
        first = next(blocks)
        with StemWriter(paths, rate, channels, length, self._format, config.overwrite) as writer:
            writer.write(first)
            for block in blocks:
                writer.write(block)
        levels = dict(zip(stems, writer.levels, strict=True))
        self._report_limited(path, levels)
        if page:
            write_page(page, path, stems, self.card, config)
        return SeparatedTrack(
            path,
            stems,
            self.card.name,
            rate,
            channels,
            recording.seconds,
            time.monotonic() - began,
            levels,
            page,
        )

    def stem_paths(self, path: Path) -> dict[str, Path]:
        """Return where the stems of a file go.

        ``OUTDIR/TRACK/STEM.wav`` with an output directory, otherwise
        ``TRACK_MODEL/STEM.wav`` in the working directory.
        """
        # What a shell or another program would read as control characters is no name.
        track = "".join(c if c.isprintable() else "_" for c in path.stem).strip() or "track"
        outdir = self.config.outdir
        folder = Path(f"{track}_{self.card.name}") if outdir is None else outdir / track
        return {name: folder / f"{name}.{self._format.extension}" for name in self.stem_names}

    def _stems(self, recording: Recording, progress: Progress | None) -> Iterator[Block]:
        """Yield the stems of a recording in blocks, at its own rate and channels."""
        channels = self._model.channels or recording.channels
        mixture = AdaptedMixture(recording, self._model.sample_rate, channels)
        stems = self._model.separate(mixture, self.config, progress or _ignore)
        return mixture.restore(stems)

    def _report_limited(self, path: Path, levels: dict[str, Level]) -> None:
        for name, level in levels.items():
            if level.limited:
                log.warning(
                    "%s: %d samples of %s went beyond full scale and were limited; "
                    "--format wav keeps them as they are",
                    display(path),
                    level.limited,
                    name,
                )


@dataclass(frozen=True)
class _ArrayRecording:
    """An array as a recording."""

    samples: NDArray[np.float32]
    sample_rate: int

    @classmethod
    def of(cls, audio: NDArray[Any], sample_rate: int, config: SeparationConfig) -> _ArrayRecording:
        array = np.asarray(audio)
        if array.ndim == 1:
            array = array[:, np.newaxis]
        if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
            raise InputError(
                "the audio must be floating point of shape (samples,) or (samples, channels), "
                f"not {array.dtype} of shape {np.shape(audio)}"
            )
        if array.shape[0] in (1, 2) and array.shape[1] > 64:
            raise InputError(
                f"the audio has the shape {array.shape}: transpose it to (samples, channels)"
            )
        first = round(config.start * sample_rate)
        end = len(array)
        if config.duration >= 0:
            end = min(end, first + round(config.duration * sample_rate))
        if not array.size or first >= end:
            raise InputError(
                f"the audio is {len(array) / sample_rate:.2f} s long: nothing to separate "
                f"from {config.start:g} s on"
            )
        return cls(array[first:end, :MAX_CHANNELS].T, sample_rate)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def length(self) -> int:
        return int(self.samples.shape[1])

    def blocks(self) -> Iterator[Block]:
        size = 65536
        for first in range(0, self.length, size):
            block = np.ascontiguousarray(self.samples[:, first : first + size], np.float32)
            check_finite(block, first, self.sample_rate, "the audio")
            yield block


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
