"""Separate many recordings: skip finished ones, report failures, go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BusyError, UnmixError
from ..files.paths import exists
from ..models.registry import Registry
from ..options.config import SeparationConfig
from ..stems.claims import Claims
from ..stems.destination import Destination
from .backlog import Backlog, Entry, OrderOfWork
from .executors.here import Fetching, Here
from .executors.interface import Executor, Job
from .executors.one import Watch, failure, skipped
from .forecast import Forecast
from .inputs import Found, find_recordings
from .order import Order
from .results import Outcome
from .shards import Shard
from .spooling import spool

if TYPE_CHECKING:
    from .separator import Separator

POLL_SECONDS = 1.0
"""Seconds between two checks on recordings that other processes are separating."""


@dataclass(frozen=True)
class Course:
    """Which of the recordings a run works on, and in which order.

    Attributes
    ----------
    order : str
        ``as-found`` or ``longest-first``.
    shard : Shard, optional
        A share of them; all if not given.
    """

    order: OrderOfWork = "as-found"
    shard: Shard | None = None


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
    executor : Executor, optional
        Where the recordings are separated: in this process if not given.
    course : Course, optional

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
        *,
        executor: Executor | None = None,
        course: Course = Course(),
    ) -> None:
        self._registry = Registry()
        self._order = Order.of(config, self._registry)
        self._fetching = fetching
        self._course = course
        self.executor = executor or Here(self._registry, watch, fetching, loaded)
        self._claims = Claims()
        self._backlog = Backlog(())
        self._at_work: dict[str, Entry] = {}
        self._begun: set[str] = set()
        self.problems = self._registry.problems
        self.place = ""
        self.forecast = Forecast()

    @property
    def total(self) -> str:
        """The number of recordings, such as ``100``; ``100+`` while more are being found."""
        return f"{self._backlog.count}{'' if self._backlog.complete else '+'}"

    def run(self, inputs: Iterable[str | Path]) -> Generator[Outcome, None, None]:
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
        found = find_recordings(inputs)
        if self._course.shard:
            found = self._course.shard.of(found)
        overwrite = self._order.config.overwrite
        with Backlog(found, self._course.order, remember_files=overwrite) as self._backlog:
            # Only --overwrite replaces files that are no stems, so only then are all
            # recordings listed before the first is separated.
            self._claims = Claims(self._backlog.contains if overwrite else None)
            self.forecast = Forecast(lambda: self._backlog.size)
            busy: list[Entry] = []
            with closing(self.executor):
                yield from self._separate(self._backlog, busy)
                while busy:
                    waiting, busy = busy, []
                    yield from self._separate(waiting, busy)
                    if len(busy) == len(waiting):
                        time.sleep(POLL_SECONDS)

    def _separate(self, recordings: Iterable[Entry], busy: list[Entry]) -> Iterator[Outcome]:
        """Separate recordings; collect those that another process is working on."""
        waits = self._order.config.skip_existing or self.executor.waits_for_others
        for outcome in self.executor.run(self._jobs(recordings), self._began):
            given = self._at_work.pop(outcome.source or "", None)
            if given is not None:
                if outcome.source in self._begun:
                    self._begun.remove(outcome.source)
                    self.forecast.finish(given.size)
                if isinstance(outcome.result, BusyError) and waits:
                    busy.append(given)
                    continue
            yield outcome

    def _jobs(self, recordings: Iterable[Entry]) -> Iterator[Job | Outcome]:
        for entry in recordings:
            total = self.total
            self.place = f"{entry.number}/{total}" if total != "1" else ""
            job = self._prepared(entry)
            if isinstance(job, Outcome):
                self.forecast.drop(entry.size)
            elif job is not None:
                self._at_work[job.source] = entry
            if job is not None:
                yield job

    def _began(self, job: Job) -> None:
        self._begun.add(job.source)
        self.forecast.begin(job.size)

    def _prepared(self, entry: Entry) -> Job | Outcome | None:
        """Return what is left to do for a recording, or its outcome if that is nothing."""
        found = entry.found
        if isinstance(found, UnmixError):
            return Outcome(None, found)
        source = str(found.path)
        if self._claims.is_claimed(found.path):
            return None  # a stem that this very run wrote into the folder it reads
        try:
            destination = self._destination(found)
            order = self._order
            if order.config.skip_existing and not destination.missing(order.recipe):
                return Outcome(source, skipped(order, destination))
            if not order.config.skip_existing:
                destination.in_the_way(overwrite=order.config.overwrite)
        except Exception as error:
            return Outcome(source, failure(found.path, error))
        return Job(order, found, destination, entry.size)

    def _destination(self, found: Found) -> Destination:
        """Work out where the stems of a recording go, and reserve their names."""
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
        if self._claims.has_twin(path, destination.stems.values()):
            destination = destination.spelt_out(order.namer)
        self._claims.claim(path, destination.stems.values())
        return destination
