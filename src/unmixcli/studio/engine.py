"""The engine: takes jobs from the library one by one, and looks after the worker process."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ..words import sentence_of
from .library import Library
from .messages import Answer, Cancel, Doing, Failed, Fetching, Finished, Note, Task
from .records import Job
from .worker import work

IDLE = 600.0
"""Seconds without a job after which the worker, and the model in its memory, goes."""
GRACE = 3.0
"""Seconds in which the worker may give up a cancelled task; then it is killed."""
TRIES = 2
"""How often a job is begun whose worker dies."""
_PAGE = 0.1
"""The part of the work that drawing the page is, roughly."""

log = logging.getLogger("unmixcli")
Publish = Callable[[str, Any], None]


@dataclass(frozen=True)
class Progress:
    """How far the current job is.

    Attributes
    ----------
    stage : str
        ``starting``, ``fetching``, ``separating`` or ``drawing``.
    fraction : float
        Of the stage ``fetching`` its own; otherwise of the whole job.
    left, all_left : float or None
        Seconds left for this job, and for all; None if unknown.
    """

    job: str
    stage: str = "starting"
    fraction: float = 0.0
    left: float | None = None
    all_left: float | None = None


class Clock:
    """Estimates the time left from how the current job comes on.

    Parameters
    ----------
    seconds : float
        The length of its song.
    now : callable
        Returns the time in seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._began: tuple[float, float] | None = None

    def left(self, fraction: float, waiting: float) -> tuple[float | None, float | None]:
        """Return the seconds left for this job and for all jobs.

        Parameters
        ----------
        fraction : float
            How much of this job is done, 0 to 1.
        waiting : float
            Length in seconds of the songs that wait.
        """
        if self._began is None:  # what came before was loading the model
            self._began = self._now(), fraction
        began, first = self._began
        spent, done = self._now() - began, fraction - first
        if spent < 1 or done < 0.03:  # the first moments say little
            return None, None
        whole = spent / done
        left = whole * (1 - fraction)
        return left, left + waiting * whole / max(self._seconds, 0.1)


@dataclass
class _Worker:
    process: BaseProcess
    line: Connection


class Engine:
    """Runs the jobs of a library, in a thread.

    Parameters
    ----------
    library : Library
    publish : callable
        Takes the kind and the data of an event.
    """

    def __init__(self, library: Library, publish: Publish) -> None:
        self.progress: Progress | None = None
        self._library = library
        self._publish = publish
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._cancelled: set[str] = set()
        self._worker: _Worker | None = None
        self._thread = threading.Thread(target=self._run, name="unmix-engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Stop at once; the job that was under way waits for the next start."""
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._end_worker()

    def wake(self) -> None:
        """Look for a new job."""
        self._wake.set()

    def cancel(self, id: str) -> Job | None:
        """Call a job off; None if it is over."""
        job = self._library.move(id, ("waiting",), "cancelled", finished=time.time())
        if job is None and self._library.job(id).state == "working":
            self._cancelled.add(id)
            job = self._library.job(id)
        if job:
            self._publish("job", job.shown())
        return job

    @property
    def worker(self) -> int | None:
        """The number of the worker process, if there is one."""
        return self._worker.process.pid if self._worker else None

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            job = self._library.next_job()
            if job is None:
                if not self._wake.wait(IDLE):
                    self._end_worker()
                continue
            try:
                self._perform(job)
            except Exception as error:  # whatever it is, the other jobs go on
                log.debug("a job failed", exc_info=error)
                self._over(job, "failed", error=sentence_of(error))
                self._end_worker()
            self._show(None)

    def _perform(self, job: Job) -> None:
        """Separate a song."""
        begun = self._library.move(
            job.id, ("waiting",), "working", attempts=job.attempts + 1, started=time.time()
        )
        if begun is None:  # cancelled in this moment
            return
        self._publish("job", begun.shown())
        self._show(Progress(job.id))
        song = self._library.song(job.song)
        clock = Clock(song.seconds)
        worker = self._worker = self._worker or _hire(self._library)
        _send(worker, Task(self._library.recording(song), job.wish))
        notes: list[str] = list(begun.notes)
        deadline: float | None = None
        while True:
            wait([worker.line, worker.process.sentinel], timeout=0.2)
            if self._ending.is_set():
                self._end_worker()
                self._library.move(job.id, ("working",), "waiting", attempts=0)
                return
            if job.id in self._cancelled and deadline is None:
                deadline = time.monotonic() + GRACE
                _send(worker, Cancel())
            if deadline and time.monotonic() > deadline:
                self._end_worker()
                self._over(begun, "cancelled")
                return
            answer = _receive(worker)
            if answer is None:
                continue
            if isinstance(answer, EOFError):
                self._lost(begun, cancelled=deadline is not None)
                return
            if isinstance(answer, Note):
                if answer.text not in notes:
                    notes.append(answer.text)
            elif isinstance(answer, (Doing, Fetching)):
                self._show(self._seen(job, clock, answer))
            elif isinstance(answer, Failed):
                state = "cancelled" if answer.cancelled else "failed"
                self._over(begun, state, error=answer.reason, notes=notes)
                return
            else:
                self._keep(begun, answer, notes)
                return

    def _seen(self, job: Job, clock: Clock, answer: Doing | Fetching) -> Progress:
        if isinstance(answer, Fetching):
            return Progress(job.id, "fetching", answer.done / (answer.total or max(answer.done, 1)))
        fraction = answer.fraction * (1 - _PAGE)
        if answer.stage == "drawing":
            fraction = 1 - _PAGE + answer.fraction * _PAGE
        left, all_left = clock.left(fraction, self._library.waiting_seconds())
        return Progress(job.id, answer.stage, fraction, left, all_left)

    def _keep(self, job: Job, made: Finished, notes: list[str]) -> None:
        root = self._library.root
        stems = {name: str(path.relative_to(root).as_posix()) for name, path in made.stems.items()}
        page = made.page.relative_to(root).as_posix() if made.page else ""
        self._over(job, "done", made_by=made.model, stems=stems, page=page, error="", notes=notes)

    def _lost(self, job: Job, cancelled: bool) -> None:
        """Deal with the death of the worker: try the job once more."""
        code = self._worker.process.exitcode if self._worker else None
        self._end_worker()
        if cancelled:
            self._over(job, "cancelled")
        elif job.attempts < TRIES:
            waiting = self._library.move(
                job.id,
                ("working",),
                "waiting",
                notes=["The separation ended unexpectedly and was begun again."],
            )
            if waiting:
                self._publish("job", waiting.shown())
        else:
            how = f"signal {-code}" if code and code < 0 else f"code {code}"
            self._over(
                job,
                "failed",
                error=f"the separation ended unexpectedly, twice ({how}); memory may have run "
                "out: close other programs, or choose a smaller model",
            )

    def _over(self, job: Job, state: Any, **changes: Any) -> None:
        self._cancelled.discard(job.id)
        ended = self._library.move(job.id, ("working",), state, finished=time.time(), **changes)
        if ended:
            self._publish("job", ended.shown())

    def _show(self, progress: Progress | None) -> None:
        self.progress = progress
        self._publish("progress", asdict(progress) if progress else None)

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker:
            worker.process.kill()
            worker.process.join()
            worker.line.close()


def _hire(library: Library) -> _Worker:
    """Start a worker process: a fresh one, because forked copies of threads are trouble."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=work, args=(theirs, library.root), name="unmix-worker", daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _send(worker: _Worker, message: Task | Cancel) -> None:
    try:
        worker.line.send(message)
    except OSError:
        return  # it is dead, which shows soon


def _receive(worker: _Worker) -> Answer | EOFError | None:
    """Return the next answer, None without one, or the error that shows the worker's end."""
    try:
        if worker.line.poll():
            answer: Answer = worker.line.recv()
            return answer
        return None if worker.process.is_alive() else EOFError()
    except (EOFError, OSError):
        return EOFError()
