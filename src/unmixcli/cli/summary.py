"""The result of a run over several recordings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import UnmixError

if TYPE_CHECKING:
    from ..separation.results import Outcome


@dataclass
class Summary:
    """Counts, and the failures with their reasons."""

    separated: int = 0
    skipped: int = 0
    failures: list[tuple[str | None, str]] = field(default_factory=list)
    """The recording, if known, and why it failed."""
    seconds: float = 0.0
    """Seconds of audio that were separated."""
    began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def count(self) -> int:
        """Number of recordings."""
        return self.separated + self.skipped + len(self.failures)

    @property
    def speed(self) -> float:
        """Times real time."""
        return self.seconds / max(self.elapsed, 1e-9)

    def add(self, outcome: Outcome) -> None:
        """Add the result of one recording."""
        from ..separation.results import Skipped

        result = outcome.result
        if isinstance(result, UnmixError):
            self.failures.append((outcome.source, str(result)))
        elif isinstance(result, Skipped):
            self.skipped += 1
        else:
            self.separated += 1
            self.seconds += result.seconds
