"""Files under a temporary name, locked while their writer is alive.

A killed process leaves its unfinished files behind, but without their locks.
That distinguishes them from the files of a process that is still writing.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import secrets
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows never removes an open file, so it needs no lock
    fcntl = None


class Part:
    """An unfinished file.

    Parameters
    ----------
    final : Path
        Its final name.

    Attributes
    ----------
    path : Path
        Its temporary name.

    Raises
    ------
    OSError
        If it cannot be created.
    """

    def __init__(self, final: Path) -> None:
        while True:
            self.path = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
            self._handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            if fcntl is None:  # Windows cannot rename an open file either
                self.release()
                break
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self._handle, fcntl.LOCK_EX)
            # Another process may have swept it away before it was locked.
            if os.fstat(self._handle).st_nlink:
                break
            os.close(self._handle)

    def sync(self) -> None:
        """Make sure that its bytes are on the disk."""
        if self._handle >= 0:
            os.fsync(self._handle)

    def put(self, final: Path, overwrite: bool) -> None:
        """Give it its final name.

        Raises
        ------
        FileExistsError
            If a file with that name has appeared and must not be replaced.
        """
        if overwrite:
            self.path.replace(final)
            return
        try:
            os.link(self.path, final)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if final.exists():
                raise FileExistsError(final) from None
            self.path.rename(final)
        else:
            self.path.unlink()

    def release(self) -> None:
        """Release the lock."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def discard(self) -> None:
        """Remove the file."""
        self.release()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Return whether a running process has the file locked."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def sweep(final: Path) -> None:
    """Remove the unfinished files that dead processes left for a final name."""
    pattern = re.compile(rf"\.{re.escape(final.name)}\.[0-9a-f]{{8}}\.part")
    for path in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        if not pattern.fullmatch(path.name):
            continue
        if fcntl is None:
            with contextlib.suppress(OSError):
                path.unlink()
            continue
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()  # while locked, so that a process about to lock it notices
        except OSError:
            pass
        finally:
            os.close(handle)
