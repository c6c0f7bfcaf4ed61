"""A set of file names that may be too large for memory."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path


class Ledger:
    """File names, each with a note, in a temporary database that vanishes when it is closed.

    A few megabytes of it are kept in memory, whatever it holds.
    """

    def __init__(self) -> None:
        # One thread at a time uses it, but not always the one that made it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA cache_size=-8000")
        self._database.execute("CREATE TABLE names (key BLOB PRIMARY KEY, note BLOB) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, name: Path | str, note: Path | str = "") -> bool:
        """Add a name; return False if it is there, whose note then stays."""
        row = (_key(name), os.fsencode(note))
        added = self._database.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", row)
        return added.rowcount == 1

    def note(self, name: Path | str) -> Path | None:
        """Return the note on a name, or None if the name is not there."""
        found = self._database.execute("SELECT note FROM names WHERE key = ?", (_key(name),))
        row = found.fetchone()
        return None if row is None else Path(os.fsdecode(row[0]))


def _key(name: Path | str) -> bytes:
    return hashlib.blake2b(os.fsencode(name), digest_size=16).digest()
