"""How long a batch still takes."""

from __future__ import annotations

import time
from collections.abc import Callable


class Forecast:
    """Estimates the time left for all recordings from those that are done.

    The sizes of the files stand for their lengths, which are known only when they are opened.
    Recordings that are skipped take no time, so they leave the estimate alone.

    Parameters
    ----------
    total : callable
        Returns the bytes of all recordings that have been found so far.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self, total: Callable[[], int] = lambda: 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._clock = clock
        self._began = clock()
        self._spent = 0.0
        self._done = self._dropped = self._current = 0
        self._at_work = 0

    def begin(self, size: int) -> None:
        """Note that the separation of a recording begins, after its model was loaded."""
        if not self._at_work:
            self._began = self._clock()
        self._at_work += 1
        self._current += size

    def drop(self, size: int) -> None:
        """Note that a recording needs no time: it was skipped, or failed at once."""
        self._dropped += size

    def finish(self, size: int) -> None:
        """Note that a recording is done."""
        self._at_work -= 1
        self._current -= size
        self._done += size
        if not self._at_work:
            self._spent += self._clock() - self._began

    def left(self, fraction: float = 0.0) -> float | None:
        """Return the seconds left for all recordings; None if there is no estimate yet.

        Parameters
        ----------
        fraction : float
            How much of the recordings at work is done, 0 to 1.
        """
        worked = self._done + fraction * self._current
        waiting = self._total() - self._dropped - self._done - self._current
        spent = self._spent + (self._clock() - self._began if self._at_work else 0)
        # The first moments say little.
        if waiting <= 0 or not worked or (not self._done and fraction < 0.1):
            return None
        return spent / worked * ((1 - fraction) * self._current + waiting)
