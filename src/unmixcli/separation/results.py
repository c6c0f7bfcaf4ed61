"""The result of separating one recording, and the outcome of each in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..audio.writing import Level
from ..errors import UnmixError


@dataclass(frozen=True)
class SeparatedTrack:
    """The result of separating one file."""

    source: Path
    stems: dict[str, Path]
    """Where each stem is."""
    model: str
    sample_rate: int
    """Of the stems."""
    channels: int
    seconds: float
    """Length of the audio that was separated."""
    elapsed: float
    """Seconds that it took."""
    levels: dict[str, Level]
    gain: float = 1.0
    """All stems were multiplied by it to stay within full scale."""
    page: Path | None = None
    """The page to listen on, if one was asked for."""


@dataclass(frozen=True)
class Skipped:
    """A recording whose stems existed already."""

    stems: dict[str, Path]


@dataclass(frozen=True)
class Outcome:
    """The outcome for one recording of a batch.

    Attributes
    ----------
    source : str or None
        The recording; None if there was nothing to open.
    result : SeparatedTrack, Skipped or UnmixError
    """

    source: str | None
    result: SeparatedTrack | Skipped | UnmixError
