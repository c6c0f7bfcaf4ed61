"""Remember for a while that downloads failed, so that not every run waits for a server."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from .files import write_small

PAUSE = 3600.0
"""Seconds for which a failure is remembered."""


@dataclass(frozen=True)
class Failures:
    """The latest failed download of a store, kept in a small file in its root.

    Parameters
    ----------
    root : Path
        The folder of the store.
    """

    root: Path

    @property
    def _file(self) -> Path:
        return self.root / ".unreachable"

    def remember(self, reason: str) -> None:
        """Note that a download failed just now."""
        # A store that cannot be written works without this.
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            write_small(self._file, ascii(reason[:200])[1:-1])

    def forget(self) -> None:
        """Note that downloads work."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def recent(self) -> tuple[float, str] | None:
        """Return the age of a failure that still counts, in seconds, and its reason."""
        try:
            age = time.time() - self._file.stat().st_mtime
            reason = self._file.read_text("ascii")
        except (OSError, ValueError):
            return None
        return (age, reason) if 0 <= age < PAUSE else None
