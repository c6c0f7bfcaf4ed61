"""The recordings of a run that wait for their turn.

They are found in a thread of their own, so that the first is separated while the
others are still being listed, and wait in a temporary database: a million of them
take no more memory than ten.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ..errors import UnmixError
from ..files.ledger import Ledger
from ..files.paths import identity
from .inputs import Found

OrderOfWork = Literal["as-found", "longest-first"]

_FIRST_LOOK = 0.2
"""Seconds to wait for a short list to be complete before the first recording is handed out."""
_AT_A_TIME = 500

_TABLES = """
CREATE TABLE waiting (number INTEGER PRIMARY KEY, size INTEGER, found BLOB);
"""


@dataclass(frozen=True)
class Entry:
    """What was found, with its position and its size in bytes (0 if unknown)."""

    number: int
    found: Found | UnmixError
    size: int


class Backlog:
    """What is found, in the order of the work; iterate once, as a context manager.

    Parameters
    ----------
    found : iterable of Found or UnmixError
    order : str
        ``as-found``, or ``longest-first``: by the size of the file, which waits for
        the whole list.
    remember_files : bool
        Whether `contains` will be asked.

    Attributes
    ----------
    count : int
        Recordings found so far.
    size : int
        Bytes of them, as far as known.
    complete : bool
        Whether all are found.
    """

    def __init__(
        self,
        found: Iterable[Found | UnmixError],
        order: OrderOfWork = "as-found",
        remember_files: bool = False,
    ) -> None:
        self.count = self.size = 0
        self.complete = False
        self._found = found
        self._longest_first = order == "longest-first"
        self._files = Ledger() if remember_files else None
        self._failure: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(f"PRAGMA journal_mode=OFF; {_TABLES} BEGIN;")
        self._thread = threading.Thread(target=self._list, name="unmix-list", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        self._thread.join()
        self._database.close()

    def __iter__(self) -> Iterator[Entry]:
        """Yield what was found."""
        with self._changed:
            self._changed.wait_for(lambda: self.complete, self._patience)
        last, lowest = 0, 2**62
        while rows := self._next(last, lowest):
            for last, lowest, found in rows:
                yield Entry(last, pickle.loads(found), lowest)
        if self._failure is not None:
            raise self._failure

    def contains(self, path: Path) -> bool:
        """Return whether a file is one of the recordings; waits until all are found."""
        if (facts := identity(path)) is None:
            return False
        with self._changed:
            self._changed.wait_for(lambda: self.complete)
            return self._files is not None and self._files.note(_name(facts)) is not None

    @property
    def _patience(self) -> float | None:
        return None if self._longest_first else _FIRST_LOOK

    def _next(self, last: int, lowest: int) -> list[tuple[int, int, bytes]]:
        """Return some rows after the last one, whose size was the lowest so far."""
        with self._changed:
            self._changed.wait_for(lambda: self.complete or self.count > last)
            query, values = "number > ? ORDER BY number", [last]
            if self._longest_first:
                query = "(size, -number) < (?, ?) ORDER BY size DESC, number"
                values = [lowest, -last]
            query = f"SELECT number, size, found FROM waiting WHERE {query} LIMIT {_AT_A_TIME}"
            return self._database.execute(query, values).fetchall()

    def _list(self) -> None:
        try:
            for found in self._found:
                if self._closed:
                    break
                self._add(found)
        except BaseException as error:
            self._failure = error
        finally:
            with self._changed:
                if self._longest_first:
                    self._database.execute("CREATE INDEX by_size ON waiting (size DESC, number)")
                self.complete = True
                self._changed.notify_all()

    def _add(self, found: Found | UnmixError) -> None:
        facts = _facts(found)
        size = facts.st_size if facts else 0
        with self._changed:
            self.count += 1
            self.size += size
            row = (self.count, size, pickle.dumps(found))
            self._database.execute("INSERT INTO waiting VALUES (?, ?, ?)", row)
            if facts and self._files is not None:
                self._files.add(_name((facts.st_dev, facts.st_ino)))
            self._changed.notify_all()


def _facts(found: Found | UnmixError) -> os.stat_result | None:
    if isinstance(found, UnmixError) or found.is_stdin:
        return None
    try:
        return found.path.stat()
    except (OSError, ValueError):
        return None


def _name(facts: tuple[int, int]) -> str:
    """Name a file by its device and its number there, whatever paths lead to it."""
    return "{}:{}".format(*facts)
