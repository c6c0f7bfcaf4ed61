"""The worker: a process of its own that holds the model and separates one song at a time.

What goes wrong here - a crash in a library, memory that runs out - ends this process only.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnmixError
from ..page import page_path
from ..separation.batch import Batch
from ..separation.results import Skipped
from ..stems.manifest import model_of
from ..words import sentence_of
from .messages import Answer, Cancel, Doing, Failed, Fetching, Finished, Note, Task

if TYPE_CHECKING:
    from ..models.store import FetchEvent
    from ..options.config import SeparationConfig

EVERY = 0.1
"""Seconds between two reports of progress."""
_OF_THE_PAGE = ("drawing", "encoding")


class CancelledError(UnmixError):
    """The user called the separation off."""


class Line:
    """The worker's end of the connection; downloads report from other threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._last = 0.0
        self._cancelled = False

    def next(self) -> Task | None:
        """Wait for a task; None if the engine is gone."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                return None
            if isinstance(message, Task):  # a `Cancel` may come after its task
                self._cancelled = False
                return message

    def say(self, answer: Answer) -> None:
        """Send an answer."""
        with self._lock:
            self._connection.send(answer)

    def report(self, answer: Doing | Fetching) -> None:
        """Send progress, not too often; raise `CancelledError` if the user called it off."""
        with self._lock:
            if self._connection.poll() and isinstance(self._connection.recv(), Cancel):
                self._cancelled = True
            if self._cancelled:
                raise CancelledError("cancelled")
            if time.monotonic() - self._last < EVERY:
                return
            self._last = time.monotonic()
            self._connection.send(answer)


class _Notes(logging.Handler):
    """Passes warnings on."""

    def __init__(self, say: Callable[[Answer], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(Note(record.getMessage()))


def work(connection: Connection, library: Path) -> None:
    """Separate songs until the engine closes the connection.

    Parameters
    ----------
    connection : Connection
    library : Path
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the server's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    line = Line(connection)
    log = logging.getLogger("unmixcli")
    log.addHandler(_Notes(line.say))
    log.propagate = False
    bench = Bench(line, library)
    while task := line.next():
        answer: Answer
        try:
            answer = bench.separate(task)
        except CancelledError:
            answer = Failed("", cancelled=True)
        except Exception as error:
            answer = Failed(sentence_of(error))
        line.say(answer)


class Bench:
    """Separates songs, with the model of the last one still loaded.

    Parameters
    ----------
    line : Line
    library : Path
    """

    def __init__(self, line: Line, library: Path) -> None:
        self._line = line
        self._library = library
        self._config: SeparationConfig | None = None
        self._batch: Batch | None = None

    def separate(self, task: Task) -> Finished:
        """Separate a recording, unless its stems are there already.

        Raises
        ------
        UnmixError
            If that fails.
        """
        batch = self._batch_for(task.wish.config(self._library))
        try:
            outcome = next(iter(batch.run([task.recording])))
        except BaseException:
            self._batch = None  # its model is not loaded
            raise
        result = outcome.result
        if isinstance(result, UnmixError):
            raise result
        page = page_path(result.stems) if isinstance(result, Skipped) else result.page
        model = model_of(result.stems.values()) if isinstance(result, Skipped) else result.model
        return Finished(model, result.stems, page)

    def _batch_for(self, config: SeparationConfig) -> Batch:
        """Keep the batch, which has its model loaded, as long as the same is asked for."""
        if self._batch is None or config != self._config:
            self._batch = None  # before the next model is loaded
            self._batch = Batch(
                config,
                lambda recording: nullcontext(self._progress),
                lambda: nullcontext(self._fetching),
                lambda separator: self._note(separator.order.note),
            )
            self._config = config
        return self._batch

    def _progress(self, stage: str, fraction: float) -> None:
        kind = "drawing" if stage in _OF_THE_PAGE else "separating"
        self._line.report(Doing(kind, fraction))

    def _fetching(self, event: FetchEvent) -> None:
        if event.note:
            self._note(event.note)
        else:
            self._line.report(Fetching(event.model, event.done, event.total))

    def _note(self, text: str) -> None:
        if text:
            self._line.say(Note(text))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
