"""The library: a folder of songs and their stems, and a database of what was asked and made.

Layout::

    LIBRARY/SONG/song.mp3              the recording
    LIBRARY/SONG/GOAL MODEL/…          its stems, their record and their page
    LIBRARY/.studio/library.sqlite     the database
    LIBRARY/.studio/uploads, exports   files on their way in and out
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from ..errors import OutputError, UnmixError
from ..words import display
from .records import Job, Song, State, Wish

VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS songs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, artist TEXT NOT NULL,
  album TEXT NOT NULL, seconds REAL NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL UNIQUE,
  folder TEXT NOT NULL UNIQUE, file TEXT NOT NULL, cover TEXT NOT NULL, added REAL NOT NULL,
  words TEXT NOT NULL, picture BLOB);
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, song TEXT NOT NULL REFERENCES songs(id) ON DELETE CASCADE,
  wish TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL, attempts INTEGER NOT NULL,
  started REAL, finished REAL, made_by TEXT NOT NULL, stems TEXT NOT NULL, page TEXT NOT NULL,
  error TEXT NOT NULL, notes TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_song ON jobs(song, created);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs(state, created);
CREATE TABLE IF NOT EXISTS accepted (model TEXT PRIMARY KEY, at REAL NOT NULL);
PRAGMA user_version = {VERSION};
"""
_SONG = "id, name, title, artist, album, seconds, size, sha256, folder, file, cover, added"
_JOB = (
    "id, song, wish, state, created, attempts, started, finished, made_by, stems, page, error, "
    "notes"
)
UNFINISHED = ("waiting", "working")


class MissingError(UnmixError):
    """There is no such song or job (any more)."""


class Library:
    """Songs and jobs. Its methods may be called from any thread.

    Parameters
    ----------
    root : Path
        Its folder; created if it does not exist.

    Raises
    ------
    OutputError
        If it cannot be written, or another studio has it open.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._own = self.root / ".studio"
        self.uploads, self.exports = self._own / "uploads", self._own / "exports"
        self._lock = threading.RLock()
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            self._file_lock = FileLock(self._own / "lock", timeout=0)
            self._file_lock.acquire()
            for folder in (self.uploads, self.exports):  # what a killed studio left
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
            self._db = self._open()
        except Timeout:
            raise OutputError(
                f"another studio has the library {display(self.root)} open; close it, or choose "
                "another folder with --library"
            ) from None
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"the library {display(self.root)} cannot be used: {reason}; choose another "
                "folder with --library"
            ) from None
        # What a killed studio was separating is separated again.
        self._run("UPDATE jobs SET state = 'waiting', attempts = 0 WHERE state = 'working'")

    def _open(self) -> sqlite3.Connection:
        path = self._own / "library.sqlite"
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise OutputError(f"{display(path)} was made by a newer unmixcli: update this one")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # safe when a process dies, and quick
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(_SCHEMA)
        return db

    def close(self) -> None:
        """Close the database; another studio may open it now."""
        with self._lock:
            self._db.close()
        self._file_lock.release()

    # --- songs ---

    def add_song(self, song: Song, picture: bytes | None) -> None:
        """Add a song.

        Raises
        ------
        sqlite3.IntegrityError
            If the same recording is there already.
        """
        words = " ".join((song.title, song.artist, song.album, song.name)).casefold()
        row = (*(getattr(song, name) for name in _SONG.split(", ")), words, picture)
        marks = ", ".join("?" * len(row))
        self._run(f"INSERT INTO songs ({_SONG}, words, picture) VALUES ({marks})", *row)

    def song(self, id: str) -> Song:
        """Return a song; raise `MissingError` if there is none."""
        for row in self._rows(f"SELECT {_SONG} FROM songs WHERE id = ?", id):
            return Song(*row)
        raise MissingError("there is no such song in the library")

    def twin(self, sha256: str) -> Song | None:
        """Return the song with the same bytes, if there is one."""
        rows = self._rows(f"SELECT {_SONG} FROM songs WHERE sha256 = ?", sha256)
        return Song(*rows[0]) if rows else None

    def songs(self, search: str = "", first: int = 0, most: int = 200) -> tuple[int, list[Song]]:
        """Return how many songs have all words of a search, and some of them, newest first."""
        words = search.casefold().split()[:20]
        where = " AND ".join(["instr(words, ?)"] * len(words)) or "1"
        count = self._rows(f"SELECT count(*) FROM songs WHERE {where}", *words)[0][0]
        rows = self._rows(
            f"SELECT {_SONG} FROM songs WHERE {where} ORDER BY added DESC, id LIMIT ? OFFSET ?",
            *words, most, first,
        )  # fmt: skip
        return count, [Song(*row) for row in rows]

    def picture(self, id: str) -> tuple[str, bytes] | None:
        """Return the media type and the bytes of a song's cover."""
        rows = self._rows("SELECT cover, picture FROM songs WHERE id = ?", id)
        return (rows[0][0], rows[0][1]) if rows and rows[0][0] else None

    def recording(self, song: Song) -> Path:
        """Return the path of a song's recording."""
        return self.root / song.folder / song.file

    def remove_song(self, id: str) -> None:
        """Delete a song, its stems and pages: every file that the studio wrote, and no other.

        Raises
        ------
        UnmixError
            If it is being separated.
        """
        song, jobs = self.song(id), self.jobs_of(id)
        if any(job.state == "working" for job in jobs):
            raise UnmixError("this song is being separated; cancel that first")
        folders = set()
        for job in jobs:
            for path in (*job.stems.values(), *([job.page] if job.page else [])):
                (self.root / path).unlink(missing_ok=True)
                folders.add((self.root / path).parent)
        for folder in folders:
            for record in folder.glob(".unmix.json"):
                record.unlink()
            _remove_empty(folder)
        self.recording(song).unlink(missing_ok=True)
        _remove_empty(self.root / song.folder)
        self._run("DELETE FROM songs WHERE id = ?", id)

    # --- jobs ---

    def add_job(self, song: str, wish: Wish) -> Job:
        """Ask for a separation; return the one that was asked for or done before, if any."""
        with self._lock:
            self.song(song)
            for job in self.jobs_of(song):
                if job.wish != wish or job.state in ("failed", "cancelled"):
                    continue
                if job.state != "done" or self.is_whole(job):
                    return job
            job = Job(secrets.token_hex(8), song, wish, "waiting", time.time())
            self._insert(job)
            return job

    def is_whole(self, job: Job) -> bool:
        """Return whether the files of a finished job are still there."""
        paths = [*job.stems.values(), *([job.page] if job.page else [])]
        return all((self.root / path).is_file() for path in paths)

    def job(self, id: str) -> Job:
        """Return a job; raise `MissingError` if there is none."""
        for row in self._rows(f"SELECT {_JOB} FROM jobs WHERE id = ?", id):
            return _job(row)
        raise MissingError("there is no such separation in the library")

    def jobs_of(self, song: str) -> list[Job]:
        """Return the jobs of a song, newest first."""
        query = f"SELECT {_JOB} FROM jobs WHERE song = ? ORDER BY created DESC"
        return [_job(row) for row in self._rows(query, song)]

    def next_job(self) -> Job | None:
        """Return the job that has waited longest."""
        query = f"SELECT {_JOB} FROM jobs WHERE state = 'waiting' ORDER BY created, rowid LIMIT 1"
        rows = self._rows(query)
        return _job(rows[0]) if rows else None

    def waiting_seconds(self) -> float:
        """Return the length of all songs that wait, each as often as it does."""
        query = "SELECT total(seconds) FROM jobs JOIN songs ON songs.id = song WHERE state = ?"
        return float(self._rows(query, "waiting")[0][0])

    def unfinished(self) -> int:
        """Return how many jobs wait or are under way."""
        query = "SELECT count(*) FROM jobs WHERE state IN (?, ?)"
        return int(self._rows(query, *UNFINISHED)[0][0])

    def move(self, id: str, expected: Sequence[State], state: State, **changes: Any) -> Job | None:
        """Change the state of a job, and more, if it is in an expected state; else return None."""
        values = {
            name: json.dumps(value) if isinstance(value, (dict, list)) else value
            for name, value in changes.items()
        }
        sets = ", ".join(f"{name} = ?" for name in ("state", *values))
        marks = ", ".join("?" * len(expected))
        with self._lock:
            done = self._db.execute(
                f"UPDATE jobs SET {sets} WHERE id = ? AND state IN ({marks})",
                (state, *values.values(), id, *expected),
            )
            return self.job(id) if done.rowcount else None

    # --- licences ---

    def accept(self, model: str) -> None:
        """Note that the user accepted the restriction of a model's licence."""
        self._run("INSERT OR IGNORE INTO accepted VALUES (?, ?)", model, time.time())

    def accepted(self) -> set[str]:
        """Return the models whose restrictions were accepted."""
        return {row[0] for row in self._rows("SELECT model FROM accepted")}

    # --- the database ---

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._db

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._locked() as db:
            return db.execute(query, values).fetchall()

    def _run(self, query: str, *values: Any) -> None:
        with self._locked() as db:
            db.execute(query, values)

    def _insert(self, job: Job) -> None:
        row = (
            job.id, job.song, job.wish.model_dump_json(), job.state, job.created, 0, None, None,
            "", "{}", "", "", "[]",
        )  # fmt: skip
        self._run(f"INSERT INTO jobs ({_JOB}) VALUES ({', '.join('?' * len(row))})", *row)


def _job(row: tuple[Any, ...]) -> Job:
    id, song, wish, state, created, attempts, started, finished, made_by, *rest = row
    stems, page, error, notes = rest
    return Job(
        id,
        song,
        Wish.model_validate_json(wish),
        cast(State, state),
        created,
        attempts,
        started,
        finished,
        made_by,
        json.loads(stems),
        page,
        error,
        json.loads(notes),
    )


def _remove_empty(folder: Path) -> None:
    """Remove a folder unless something is in it."""
    try:
        folder.rmdir()
    except OSError:
        return
