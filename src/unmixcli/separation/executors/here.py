"""Separate recordings one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ...models.registry import Registry
from ..order import Order
from ..results import Outcome
from .interface import Began, Job
from .one import Watch, separate_one

if TYPE_CHECKING:
    from ...models.store import Report
    from ..separator import Separator

Fetching = Callable[[], "AbstractContextManager[Report]"]


class Here:
    """The executor that needs nothing else; it loads the model before the first recording.

    Parameters
    ----------
    registry : Registry
    watch : callable
        See `unmixcli.separation.executors.one.separate_one`.
    fetching : callable
        Returns a context manager that yields the callback for downloads.
    loaded : callable
        Takes the `Separator` when its model is loaded.
    """

    waits_for_others = False

    def __init__(
        self,
        registry: Registry,
        watch: Watch,
        fetching: Fetching,
        loaded: Callable[[Separator], None],
    ) -> None:
        self._registry = registry
        self._watch = watch
        self._fetching = fetching
        self._loaded = loaded
        self.separator: Separator | None = None

    def run(self, jobs: Iterator[Job | Outcome], began: Began) -> Iterator[Outcome]:
        """Separate recordings; see `unmixcli.separation.executors.interface.Executor`."""
        for job in jobs:
            if isinstance(job, Outcome):
                yield job
            else:
                yield Outcome(job.source, separate_one(job, self._load, self._watch, began))

    def close(self) -> None:
        """Keep the model: the next batch may need it."""

    def _load(self, order: Order) -> Separator:
        if self.separator is None:
            # Imported here because it needs torch, which skipping does not.
            from ..separator import Separator

            with self._fetching() as report:
                self.separator = Separator.of(order, self._registry, report)
            self._loaded(self.separator)
        return self.separator
