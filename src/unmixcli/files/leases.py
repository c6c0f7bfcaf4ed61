"""Leases: files that say who is at work on something, for as long as that process lives.

Unlike a lock, a lease works on file systems without locks (NFS, many network
shares) and between machines: its owner renews it, and one that was not renewed
for a while, or whose process has died on this machine, may be taken over.
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

RENEWED_EVERY = 15.0
"""Seconds between two renewals."""
EXPIRES_AFTER = 120.0
"""Seconds without a renewal after which a lease is anyone's."""


class Lease:
    """One process' claim on some work; a context manager that gives it up.

    Made by `Lease.take`.
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
            The file that stands for it; missing folders are made, and removed
            again with the lease if nothing was put there.

        Returns
        -------
        Lease or None
            None if another process is at work on it.

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
                    if not _abandoned(path):
                        break
                    _take_away(path)
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

    def release(self) -> None:
        """Give the work up, or say that it is done."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._renewing.join()
        if _read(self.path).get("owner") == self._owner:
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


def _abandoned(path: Path) -> bool:
    """Tell whether nobody renews a lease any more."""
    try:
        # By the clock of the file system: machines that share it may disagree on the time.
        age = _now(path.parent) - path.stat().st_mtime
    except FileNotFoundError:
        return True
    facts = _read(path)
    if facts.get("host") == socket.gethostname() and not _alive(facts.get("pid")):
        # Without content it may have been made just now, by a process about to write it.
        return bool(facts) or age > RENEWED_EVERY
    return age > EXPIRES_AFTER


def _take_away(path: Path) -> None:
    """Remove an abandoned lease; of several processes that try, one succeeds."""
    mine = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(mine)
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
        content = json.loads(path.read_bytes()[:4096])
    except (OSError, ValueError, RecursionError):
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
