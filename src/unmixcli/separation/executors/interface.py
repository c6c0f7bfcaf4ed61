"""What a batch hands to an executor, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ...stems.destination import Destination
from ..inputs import Found
from ..order import Order
from ..results import Outcome


@dataclass(frozen=True)
class Job:
    """One recording to separate. Picklable, unless the recording is standard input.

    Attributes
    ----------
    order : Order
        The same for all jobs of a batch.
    found : Found
    destination : Destination
    size : int
        Bytes of the recording, 0 if unknown.
    """

    order: Order
    found: Found
    destination: Destination
    size: int = 0

    @property
    def source(self) -> str:
        """The recording, as the outcome names it."""
        return str(self.found.path)


Began = Callable[[Job], None]
"""Told when the separation of a recording begins."""


class Executor(Protocol):
    """Turns jobs into outcomes.

    Attributes
    ----------
    waits_for_others : bool
        Whether a recording that another process works on is tried again later, because
        that process may have been one of our own which died.
    """

    waits_for_others: bool

    def run(self, jobs: Iterator[Job | Outcome], began: Began) -> Iterator[Outcome]:
        """Separate recordings.

        Jobs are taken one at a time, when there is room for another. An outcome among
        them, of a recording that needs no work, is passed on at once.

        Raises
        ------
        ModelError
            If the model cannot be loaded.
        """
        ...

    def close(self) -> None:
        """Let go of what separating needed."""
        ...
