"""The result of separating one recording, and the outcome of each in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..audio.writing import Level
from ..errors import UnmixError
from ..stems.levelling import Loudness


@dataclass(frozen=True)
class SeparatedTrack:
    """The result of separating one file."""

    source: Path
    stems: dict[str, Path]
    """The path of each stem."""
    model: str
    sample_rate: int
    """Of the stems, in Hz."""
    channels: int
    seconds: float
    """Length of the audio that was separated."""
    elapsed: float
    """Seconds that the separation took."""
    levels: dict[str, Level]
    gain: float = 1.0
    """The factor applied to all stems."""
    page: Path | None = None
    """The page to listen to the stems, if requested."""
    loudness: Loudness | None = None
    """With ``loudness``: what was measured and reached."""
    gap: float | None = None
    """With ``sum``: how far the stems were from the mixture without it, in dB."""

    def _repr_html_(self) -> str:
        """Show a player for each stem in a notebook."""
        from ..page.players import players  # here, because it encodes sound

        return players(f"{self.source.name}, {self.model}", self.stems)


@dataclass(frozen=True)
class Skipped:
    """A recording whose stems already existed."""

    stems: dict[str, Path]
    page: Path | None = None
    """The page, if it was missing and has been written."""


Result = SeparatedTrack | Skipped | UnmixError
"""The result for one recording."""


@dataclass(frozen=True)
class Outcome:
    """The outcome for one recording of a batch.

    Attributes
    ----------
    source : str or None
        The recording; None if no recording was found.
    result : SeparatedTrack, Skipped or UnmixError
    """

    source: str | None
    result: Result
