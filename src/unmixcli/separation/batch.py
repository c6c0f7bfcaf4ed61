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
from ..models.interface import Progress
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..stems.destination import Destination
from ..stems.names import Claims
from ..words import display, sentence_of
from .inputs import Found, find_recordings, spool
from .order import Order
from .results import Outcome, Skipped

if TYPE_CHECKING:
    from ..models.store import Report
    from .separator import Separator

log = logging.getLogger("unmixcli")

POLL_SECONDS = 1.0
"""Between two looks at a recording that another process is separating."""

Watch = Callable[[Excerpt], AbstractContextManager[Progress]]
Fetching = Callable[[], "AbstractContextManager[Report]"]


class Batch:
    """A run over recordings.

    Parameters
    ----------
    config : SeparationConfig
    watch : callable
        Takes an `Excerpt` and returns a context manager that gives the
        callback for its progress.
    fetching : callable
        Returns a context manager that gives the callback for fetching,
        see `unmixcli.models.store.FetchEvent`.
    loaded : callable, optional
        Takes the `Separator` once its model is loaded, which happens when
        there is something to separate.

    Attributes
    ----------
    problems : list of Problem
        Plugins and tables of catalogues that were left out.
    place : str
        Of the recording in work among all, such as ``3/100``; empty for one.

    Raises
    ------
    UsageError
        If the options make no sense for the model.
    ModelError
        If there is no such model.
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

    def run(self, inputs: Iterable[str | Path]) -> Iterator[Outcome]:
        """Separate recordings; a failure of one does not stop the next.

        Parameters
        ----------
        inputs : iterable of str or Path
            See `unmixcli.separation.inputs.find_recordings`.

        Yields
        ------
        Outcome
            One for each recording, as soon as it is done.

        Raises
        ------
        ModelError
            If the model cannot be loaded.
        """
        everything = find_recordings(inputs)
        busy: list[tuple[int, Found]] = []
        for number, found in enumerate(everything, start=1):
            self._show_place(number, len(everything))
            if isinstance(found, UnmixError):
                yield Outcome(None, found)
                continue
            outcome = self._outcome(found)
            if isinstance(outcome.result, BusyError) and self._order.config.skip_existing:
                busy.append((number, found))  # another run has it: ours goes on with the rest
                continue
            yield outcome
        for number, found in busy:
            self._show_place(number, len(everything))
            while isinstance((outcome := self._outcome(found)).result, BusyError):
                time.sleep(POLL_SECONDS)
            yield outcome

    def _show_place(self, number: int, count: int) -> None:
        self.place = f"{number}/{count}" if count > 1 else ""

    def _outcome(self, found: Found) -> Outcome:
        """Separate one recording; whatever goes wrong with it is its outcome."""
        source = str(found.path)
        try:
            opened = self._open(found)
        except Exception as error:
            return Outcome(source, _failure(found, error))
        if isinstance(opened, Skipped):
            return Outcome(source, opened)
        recording, destination = opened
        separator = self._load()  # without a model there is no going on
        try:
            with self._watch(recording) as progress:
                track = separator.separate_file(recording, progress, destination=destination)
        except DoneError:
            return Outcome(source, Skipped(destination.stems))
        except Exception as error:
            return Outcome(source, _failure(found, error))
        return Outcome(source, track)

    def _load(self) -> Separator:
        """Load the model, once there is something to separate: it may have to be fetched."""
        if self._separator is None:
            # Here, since it needs torch and skipping does not.
            from .separator import Separator

            with self._fetching() as report:
                self._separator = Separator.of(self._order, self._registry, report)
            self._loaded(self._separator)
        return self._separator

    def _open(self, found: Found) -> tuple[Excerpt, Destination] | Skipped:
        path = found.path
        if self._order.open and (found.is_stdin or path.exists()):
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
        )
        self._claims.claim(path, destination.stems.values())
        if config.skip_existing and not destination.missing(order.recipe):
            return Skipped(destination.stems)
        recording = open_excerpt(path, config.start, config.duration, config.temp_dir, content)
        return recording, destination


def _failure(found: Found, error: Exception) -> UnmixError:
    """Put an error into words: one strange file is no reason to give up the others."""
    if isinstance(error, UnmixError):
        return error
    log.debug("separating failed", exc_info=error)
    return UnmixError(f"{display(found.path)} could not be separated: {sentence_of(error)}")
