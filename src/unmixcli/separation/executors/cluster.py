"""Separate recordings on the workers of a Dask cluster.

Each thread of the workers gets one recording at a time, and no more wait at the
scheduler: when a worker dies, only the recording that it was separating is suspected.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ...errors import UnmixError
from ...words import display
from ..order import Order
from ..results import Outcome, Result
from . import worker
from .connecting import Connect, how_to_go_on, sizes_of
from .interface import Began, Job
from .one import failure

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger("unmixcli")

LOADING_TRIES = 3
"""How often a recording is given to a worker if the model cannot be loaded there."""
_STOPPING = 30.0
"""Seconds to wait after an interruption for workers to remove their unfinished files."""
_POLL = 0.5
_LOOK_EVERY = 2.0
"""Seconds between two counts of the workers, which may come and go."""


class Cluster:
    """The executor that sends each recording to one of many workers.

    Parameters
    ----------
    connect : callable
        Returns a context manager that yields the client; see
        `unmixcli.separation.executors.connecting`.
    note : callable, optional
        Takes a sentence about the cluster.
    """

    waits_for_others = True

    def __init__(self, connect: Connect, note: Callable[[str], None] = lambda text: None) -> None:
        self._connect = connect
        self._note = note
        self._stack = contextlib.ExitStack()
        self._client: Client | None = None

    def run(self, jobs: Iterator[Job | Outcome], began: Began) -> Iterator[Outcome]:
        """Separate recordings; see `unmixcli.separation.executors.interface.Executor`."""
        for job in jobs:  # nothing is connected while there is nothing to do
            if isinstance(job, Outcome):
                yield job
                continue
            if self._client is None:
                self._client = self._stack.enter_context(self._connect())
                self._note(sizes_of(self._client))
            yield from _Run(self._client, began, job, jobs).outcomes()

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self._client = None
        self._stack.close()


class _Run:
    """One stream of jobs, of which the first is here already."""

    def __init__(
        self, client: Client, began: Began, first: Job, jobs: Iterator[Job | Outcome]
    ) -> None:
        self._client = client
        self._began = began
        self._next: Job | Outcome | None = first
        self._jobs = jobs
        self._at_work: dict[Future, Job] = {}
        self._arrived: SimpleQueue[Future] = SimpleQueue()
        self._looked = 0.0
        self._room = 0
        self._folder = worker.here()

    def outcomes(self) -> Iterator[Outcome]:
        try:
            while self._next is not None or self._at_work:
                if isinstance(self._next, Outcome):
                    yield self._next
                    self._next = next(self._jobs, None)
                elif self._next is not None and len(self._at_work) < self._slots(self._next.order):
                    self._submit(self._next)
                    self._next = next(self._jobs, None)
                yield from self._finished()
        finally:
            if self._at_work:
                self._cancel()

    def _finished(self) -> Iterator[Outcome]:
        """Yield what has arrived; wait a moment only if there is nothing else to do."""
        full = not isinstance(self._next, Outcome) and (
            self._next is None or len(self._at_work) >= self._room
        )
        with contextlib.suppress(Empty):
            while True:
                future = self._arrived.get(timeout=_POLL) if full else self._arrived.get_nowait()
                job = self._at_work.pop(future)
                yield Outcome(job.source, self._result(job, future))
                full = False
        if self._client.status != "running":
            raise UnmixError(f"the cluster can no longer be reached; {how_to_go_on}")

    def _slots(self, order: Order) -> int:
        """Return how many recordings the workers can separate at once."""
        now = time.monotonic()
        if now - self._looked > _LOOK_EVERY:
            self._looked = now
            before, self._room = self._room, worker.slots(self._client, order.config.device)
            if not self._room and (before or not self._at_work):
                log.warning("the cluster has no workers at the moment; waiting for one")
        return self._room

    def _submit(self, job: Job) -> None:
        if job.destination.content is not None:
            reason = "standard input cannot be sent to a worker; name a file instead"
            self._next = Outcome(job.source, UnmixError(reason))
            return
        self._began(job)
        future = self._client.submit(
            worker.separate,
            job,
            self._folder,
            pure=False,
            retries=LOADING_TRIES - 1,
            resources=worker.resources(self._client, job.order.config.device),
        )
        self._at_work[future] = job
        future.add_done_callback(self._arrived.put)

    def _result(self, job: Job, future: Future) -> Result:
        from distributed import KilledWorker

        name = display(job.found.path)
        if future.status == "finished":
            result, warnings = future.result()
            for warning in warnings:
                log.warning("%s", warning)
            return result  # type: ignore[no-any-return]
        if future.status != "error":  # cancelled or lost, with the scheduler
            raise UnmixError(f"the connection to the cluster was lost; {how_to_go_on}")
        error: Any = future.exception()
        if isinstance(error, KilledWorker):
            return UnmixError(
                f"{name} was set aside: each of {error.allowed_failures + 1} workers died while "
                "it was separating it, perhaps of too little memory; try it alone"
            )
        if isinstance(error, UnmixError):
            raise error  # without a model there is no going on
        return failure(job.found.path, error)

    def _cancel(self) -> None:
        """Stop the workers, and wait until they have removed what is unfinished."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._client.cancel(list(self._at_work))
            deadline = time.monotonic() + _STOPPING
            while time.monotonic() < deadline and any(
                self._client.run(worker.at_work, on_error="ignore").values()
            ):
                time.sleep(_POLL / 5)
