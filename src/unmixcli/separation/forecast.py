"""How long a batch still takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


class Forecast:
    """Estimates the time left for all recordings from those that are done.

    The sizes of the files stand for their lengths, which are known only when they are opened.
    Recordings that are skipped take no time, so they leave the estimate alone.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of each recording, 0 if unknown, in order.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self, sizes: Sequence[int] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._waiting = dict(enumerate(sizes))
        self._clock = clock
        self._current = 0
        self._began = clock()
        self._spent = 0.0
        self._done = 0

    def begin(self, number: int) -> None:
        """Note that the separation of a recording begins, after its model was loaded."""
        self._current = self._waiting.pop(number, 0)
        self._began = self._clock()

    def drop(self, number: int) -> None:
        """Note that a recording needs no time: it was skipped, or failed at once."""
        self._waiting.pop(number, None)

    def finish(self) -> None:
        """Note that the current recording is done."""
        self._spent += self._clock() - self._began
        self._done += self._current
        self._current = 0

    def left(self, fraction: float) -> float | None:
        """Return the seconds left for all recordings; None if there is no estimate yet.

        Parameters
        ----------
        fraction : float
            How much of the current recording is done, 0 to 1.
        """
        worked = self._done + fraction * self._current
        spent = self._spent + self._clock() - self._began
        # The first moments say little.
        if not self._waiting or not worked or (not self._done and fraction < 0.1):
            return None
        return spent / worked * ((1 - fraction) * self._current + sum(self._waiting.values()))
