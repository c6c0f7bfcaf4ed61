"""What the engine and its worker process say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .records import Wish


@dataclass(frozen=True)
class Task:
    """To the worker: separate this recording."""

    recording: Path
    wish: Wish


@dataclass(frozen=True)
class Cancel:
    """To the worker: give the current task up."""


@dataclass(frozen=True)
class Doing:
    """How far the current task is."""

    stage: str
    """``separating``, or ``drawing`` for the page."""
    fraction: float


@dataclass(frozen=True)
class Fetching:
    """How far the download of a model is."""

    model: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Note:
    """A sentence for the user."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The stems are there."""

    model: str
    stems: dict[str, Path]
    page: Path | None


@dataclass(frozen=True)
class Failed:
    """The task failed; the worker is ready for the next one."""

    reason: str
    cancelled: bool = False


Answer = Doing | Fetching | Note | Finished | Failed
