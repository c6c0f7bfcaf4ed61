"""Files under a temporary name, held by a lock while their writer lives.

A process that is killed leaves its unfinished files behind; the lock, which
dies with it, tells them from those of a process that is still writing.
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
except ImportError:  # Windows lets nobody remove a file that is open: no lock is needed
    fcntl = None


class Part:
    """An unfinished file.

    Parameters
    ----------
    final : Path
        The name that it is going to have.

    Attributes
    ----------
    path : Path
        The name that it has until then.

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, final: Path) -> None:
        while True:
            self.path = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
            self._handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            if fcntl is None:  # and neither can a file be renamed while it is open
                self.release()
                break
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self._handle, fcntl.LOCK_EX)
            # Somebody who was tidying up may have taken it for dead before it was locked.
            if os.fstat(self._handle).st_nlink:
                break
            os.close(self._handle)

    def sync(self) -> None:
        """Have its bytes on the disk."""
        if self._handle >= 0:
            os.fsync(self._handle)

    def put(self, final: Path, overwrite: bool) -> None:
        """Give it its final name.

        Raises
        ------
        FileExistsError
            If a file has come in between that is not to be replaced.
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
        """Let go of the lock."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def discard(self) -> None:
        """Remove it."""
        self.release()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds a file as its part."""
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
    """Remove what processes that died left of a file under its temporary names."""
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
            path.unlink()  # while locked, so that whoever is about to lock it learns of this
        except OSError:
            pass
        finally:
            os.close(handle)
