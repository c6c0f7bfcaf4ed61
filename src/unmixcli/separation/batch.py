"""Separate many recordings: skip finished ones, report failures, go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.reading import Excerpt, open_excerpt
from ..errors import BusyError, DoneError, UnmixError
from ..files.paths import exists
from ..models.interface import Progress
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..stems.destination import Destination
from ..stems.names import Claims
from ..words import display, sentence_of
from .forecast import Forecast
from .inputs import Found, find_recordings, spool
from .listening import missing_page
from .order import Order
from .results import Outcome, Skipped

if TYPE_CHECKING:
    from ..models.store import Report
    from .separator import Separator

log = logging.getLogger("unmixcli")

POLL_SECONDS = 1.0
"""Seconds between two checks on a recording that another process is separating."""

Watch = Callable[[Excerpt], AbstractContextManager[Progress]]
Fetching = Callable[[], "AbstractContextManager[Report]"]


class Batch:
    """A run over recordings.

    Parameters
    ----------
    config : SeparationConfig
    watch : callable
        Takes an `Excerpt` and returns a context manager that yields the
        callback for its progress.
    fetching : callable
        Returns a context manager that yields the callback for downloads;
        see `unmixcli.models.store.FetchEvent`.
    loaded : callable, optional
        Takes the `Separator` when its model is loaded, which happens before
        the first recording that is not skipped.

    Attributes
    ----------
    problems : list of Problem
        Plugins and catalogue entries that could not be used.
    place : str
        Position of the current recording, such as ``3/100``; empty if there is only one.
    forecast : Forecast
        Estimates the time left for all recordings.

    Raises
    ------
    UsageError
        If the options make no sense for the model.
    ModelError
        If the model is unknown.
    """

    def __init__(
        self,
        config: SeparationConfig,
        watch: Watch,
        fetching: Fetching,
        loaded: Callable[[Separator], None] = lambda separator: None,
    ) -> None:
        self._registry = Registry()
        self._order = Order.of(config, self._registry)
        self._watch = watch
        self._fetching = fetching
        self._loaded = loaded
        self._claims = Claims()
        self._separator: Separator | None = None
        self.problems = self._registry.problems
        self.place = ""
        self.forecast = Forecast()

    def run(self, inputs: Iterable[str | Path]) -> Iterator[Outcome]:
        """Separate recordings; a failure does not stop the batch.

        Parameters
        ----------
        inputs : iterable of str or Path
            See `unmixcli.separation.inputs.find_recordings`.

        Yields
        ------
        Outcome
            One for each recording, as soon as it is finished.

        Raises
        ------
        ModelError
            If the model cannot be loaded.
        """
        everything = find_recordings(inputs)
        self._claims = Claims(
            found.path for found in everything if isinstance(found, Found) and not found.is_stdin
        )
        self.forecast = Forecast([_size(found) for found in everything])
        busy: list[tuple[int, Found]] = []
        for number, found in enumerate(everything, start=1):
            self._show_place(number, len(everything))
            if isinstance(found, UnmixError):
                self.forecast.drop(number - 1)
                yield Outcome(None, found)
                continue
            outcome = self._outcome(found, number - 1)
            if isinstance(outcome.result, BusyError) and self._order.config.skip_existing:
                busy.append((number, found))  # another run is working on it: continue with the rest
                continue
            yield outcome
        for number, found in busy:
            self._show_place(number, len(everything))
            while isinstance((outcome := self._outcome(found, number - 1)).result, BusyError):
                time.sleep(POLL_SECONDS)
            yield outcome

    def _show_place(self, number: int, count: int) -> None:
        self.place = f"{number}/{count}" if count > 1 else ""

    def _outcome(self, found: Found, place: int) -> Outcome:
        """Separate one recording; return any failure as its outcome."""
        source = str(found.path)
        try:
            destination, recording = self._open(found)
            if recording is None:
                self.forecast.drop(place)
                return Outcome(source, self._skipped(destination))
        except Exception as error:
            self.forecast.drop(place)
            return Outcome(source, _failure(found, error))
        separator = self._load()  # without a model there is no going on
        self.forecast.begin(place)
        try:
            try:
                with self._watch(recording) as progress:
                    track = separator.separate_file(recording, progress, destination=destination)
            except DoneError:
                return Outcome(source, self._skipped(destination))
        except Exception as error:
            return Outcome(source, _failure(found, error))
        finally:
            self.forecast.finish()
        return Outcome(source, track)

    def _skipped(self, destination: Destination) -> Skipped:
        destination.tidy()
        return Skipped(destination.stems, missing_page(self._order, destination))

    def _load(self) -> Separator:
        """Load the model before the first separation; it may have to be downloaded."""
        if self._separator is None:
            # Imported here because it needs torch, which skipping does not.
            from .separator import Separator

            with self._fetching() as report:
                self._separator = Separator.of(self._order, self._registry, report)
            self._loaded(self._separator)
        return self._separator

    def _open(self, found: Found) -> tuple[Destination, Excerpt | None]:
        """Work out where the stems go; open the recording unless they are there."""
        path = found.path
        if self._order.open and (found.is_stdin or exists(path)):
            with self._fetching() as report:
                self._order = self._order.settled(self._registry, report)
        order, config = self._order, self._order.config
        content = None
        if found.is_stdin:
            content, path = spool(config.temp_dir), Path("stdin")
        destination = Destination.of(
            order.namer,
            order.plan.names,
            path,
            content,
            found.subfolder,
            with_tags=config.tags,
            by_content=config.compare_content,
        )
        self._claims.claim(path, destination.stems.values())
        if config.skip_existing and not destination.missing(order.recipe):
            return destination, None
        if not config.skip_existing:
            destination.in_the_way(overwrite=config.overwrite)  # before a model is loaded
        recording = open_excerpt(path, config.start, config.duration, config.temp_dir, content)
        return destination, recording


def _size(found: Found | UnmixError) -> int:
    if isinstance(found, UnmixError) or found.is_stdin:
        return 0
    try:
        return found.path.stat().st_size
    except OSError:
        return 0


def _failure(found: Found, error: Exception) -> UnmixError:
    """Put an error into words: a bug or a strange file must not stop the batch."""
    if isinstance(error, UnmixError):
        return error
    log.debug("separating failed", exc_info=error)
    return UnmixError(f"{display(found.path)} could not be separated: {sentence_of(error)}")
