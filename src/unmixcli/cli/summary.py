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
    """Counts; the reasons of failures are printed when they happen."""

    separated: int = 0
    skipped: int = 0
    failed: int = 0
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
        return self.separated + self.skipped + self.failed

    @property
    def failures(self) -> str:
        """The failures so far, to follow another number; empty if there are none."""
        return f" ({self.failed} failed)" if self.failed else ""

    @property
    def speed(self) -> float:
        """Times real time."""
        return self.seconds / max(self.elapsed, 1e-9)

    def add(self, outcome: Outcome) -> None:
        """Add the result of one recording."""
        from ..separation.results import Skipped

        result = outcome.result
        if isinstance(result, UnmixError):
            self.failed += 1
        elif isinstance(result, Skipped):
            self.skipped += 1
        else:
            self.separated += 1
            self.seconds += result.seconds
