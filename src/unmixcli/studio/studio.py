"""A studio: a library with its engine, its models and its exports, and the events of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .engine import Engine
from .exports import Exports
from .hub import Hub
from .library import Library
from .models import Models
from .records import Song


class Studio:
    """All parts of a running studio.

    Parameters
    ----------
    root : Path
        The folder of the library.

    Raises
    ------
    OutputError
        If the library cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self.hub = Hub()
        self.library = Library(root)
        self.engine = Engine(self.library, self.hub.publish)
        self.models = Models(self.library, self.hub.publish)
        self.exports = Exports(self.library.exports)

    def close(self) -> None:
        """Stop; what was under way waits in the library."""
        self.hub.close()
        self.engine.stop()
        self.library.close()

    def shown(self, song: Song) -> dict[str, Any]:
        """Describe a song with its jobs."""
        jobs = [job.shown() for job in self.library.jobs_of(song.id)]
        return song.shown() | {"jobs": jobs}
