"""Options for many recordings, and the line that shows how far all of them are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..words import clock, nearest
from .summary import Summary
from .ui import Screen

if TYPE_CHECKING:
    from ..separation.batch import Batch, Course
    from ..separation.executors.interface import Executor

_ORDERS = ("as-found", "longest-first")


def course_of(order: str, shard: str | None) -> Course:
    """Read --order and --shard.

    Raises
    ------
    UsageError
        If one of them makes no sense.
    """
    from ..separation.batch import Course
    from ..separation.shards import Shard

    if order not in _ORDERS:
        raise UsageError(f"--order {order}: choose {' or '.join(_ORDERS)}{nearest(order, _ORDERS)}")
    return Course(
        "longest-first" if order == "longest-first" else "as-found",
        None if shard is None else Shard.parse(shard),
    )


def executor_of(
    cluster: str | None, workers: int | None, note: Callable[[str], None]
) -> Executor | None:
    """Return the executor for --cluster or --workers, if one of them is given.

    Raises
    ------
    UsageError
        If both are given.
    UnmixError
        If Dask is not installed.
    """
    if cluster is None and workers is None:
        return None
    if cluster is not None and workers is not None:
        raise UsageError("give either --cluster or --workers, not both")
    from ..separation.executors.cluster import Cluster
    from ..separation.executors.connecting import connector

    return Cluster(connector(cluster, workers), note)


@contextmanager
def counting(screen: Screen, batch: Batch, summary: Summary, only_skips: bool) -> Iterator[None]:
    """Show how far the batch is on one line, while in the context.

    Parameters
    ----------
    screen : Screen
    batch : Batch
    summary : Summary
    only_skips : bool
        Whether each recording has a line of its own, so that only skipping is silent.
    """
    began = time.monotonic()

    def line() -> str:
        if only_skips:
            return f"{summary.skipped} recordings skipped" if summary.skipped > 1 else ""
        parts = [f"{summary.separated} of {batch.total} done", f"{summary.failed} failed"]
        if summary.skipped:
            parts.append(f"{summary.skipped} skipped")
        if summary.separated:
            rate = summary.separated / max(time.monotonic() - began, 1e-9)
            parts.append(f"{60 * rate:.1f} a minute, {summary.speed:.0f}× real time")
        if (left := batch.forecast.left()) is not None:
            parts.append(f"{clock(left)} left")
        return ", ".join(parts)

    with screen.status(line, live=not only_skips):
        yield
