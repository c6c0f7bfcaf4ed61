"""Leases: files that show which process is working on something, while it lives.

Unlike a lock, a lease works on file systems without locks (NFS, many network
shares) and between machines. Its owner renews it. Another process may take over
a lease that was not renewed for a while, or whose owner has died on this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .documents import DocumentError, read_json

RENEWED_EVERY = 15.0
"""Seconds between two renewals."""
EXPIRES_AFTER = 120.0
"""Seconds without a renewal after which another process may take a lease over."""


class Lease:
    """A process's claim on some work; a context manager that releases it.

    Create one with `Lease.take`.
    """

    def __init__(self, path: Path, owner: str, made: list[Path]) -> None:
        self.path = path
        self._owner = owner
        self._made = made
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="unmix-lease", daemon=True)
        self._renewing.start()

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Claim some work.

        Parameters
        ----------
        path : Path
            The file of the lease. Missing folders are created, and removed
            together with the lease if they are still empty.

        Returns
        -------
        Lease or None
            None if another process holds it.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        made = _make_folders(path.parent)
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
        content = {"host": socket.gethostname(), "pid": os.getpid(), "owner": owner}
        try:
            for _ in range(3):
                try:
                    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
                except FileExistsError:
                    before = _read(path).get("owner")
                    if not _abandoned(path):
                        break
                    _take_away(path, before)
                    continue
                try:
                    os.write(handle, json.dumps(content).encode())
                finally:
                    os.close(handle)
                return cls(path, owner, made)
        except BaseException:
            _remove_folders(made)
            raise
        _remove_folders(made)
        return None

    @property
    def held(self) -> bool:
        """Whether it is still ours: a process that was stopped for long may have lost it."""
        return _read(self.path).get("owner") == self._owner

    def release(self) -> None:
        """Release the lease."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._renewing.join()
        if self.held:
            with contextlib.suppress(OSError):
                self.path.unlink()
        _remove_folders(self._made)

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_EVERY):
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def sweep_lease(path: Path) -> None:
    """Remove a lease whose owner has died, if there is one."""
    with contextlib.suppress(OSError):
        before = _read(path).get("owner")
        if path.exists() and _abandoned(path):
            _take_away(path, before)


def _abandoned(path: Path) -> bool:
    """Return whether a lease is no longer renewed."""
    try:
        # Use the file system's clock: machines that share it may disagree on the time.
        age = _now(path.parent) - path.stat().st_mtime
    except FileNotFoundError:
        return True
    facts = _read(path)
    if facts.get("host") == socket.gethostname() and not _alive(facts.get("pid")):
        # An empty file may be new: its process may be about to write to it.
        return bool(facts) or age > RENEWED_EVERY
    return age > EXPIRES_AFTER


def _take_away(path: Path, owner: Any) -> None:
    """Remove an abandoned lease; of several processes that try, one succeeds."""
    mine = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(mine)
        if _read(mine).get("owner") != owner:
            # Another process was faster, and this is its new lease: give it back.
            with contextlib.suppress(OSError):
                os.link(mine, path)
        mine.unlink()


def _alive(pid: Any) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _now(folder: Path) -> float:
    probe = folder / f".unmix-{secrets.token_hex(4)}.time"
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path, limit=4096)
    except (OSError, DocumentError):
        return {}
    return content if isinstance(content, dict) else {}


def _make_folders(folder: Path) -> list[Path]:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing


def _remove_folders(made: list[Path]) -> None:
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
