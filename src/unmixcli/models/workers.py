"""Threads that compute: how a model uses the processor's cores.

Blocks of audio and directions of an LSTM are independent pieces of work, and
one thread on each piece beats all threads on one piece after another: no
barriers, and every core keeps its own data in its own cache.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 8
"""Each worker holds some 60 MB; beyond this many, cores are given to its operations instead."""


class Workers:
    """A pool of threads for torch work, each with its share of the cores.

    Parameters
    ----------
    device : torch.device
        For a device other than the CPU one worker is enough: it only queues work.
    count : int, optional
        Workers on the CPU; not given, one for each core that torch uses, up to `MAX_WORKERS`.
    """

    def __init__(self, device: torch.device, count: int | None = None) -> None:
        cores = torch.get_num_threads()
        self.count = (count or min(cores, MAX_WORKERS)) if device.type == "cpu" else 1
        share = max(1, cores // self.count)
        ready = threading.Barrier(self.count + 1)

        def set_up() -> None:
            # Both the thread count and the inference mode belong to a thread:
            # without this, a worker would use every core and record gradients.
            # Asking for the count first matters: it makes the thread adopt the
            # program's count now, which would otherwise undo ours later.
            torch.get_num_threads()
            torch.set_num_threads(share)
            ready.wait()

        self._pool = ThreadPoolExecutor(self.count, "unmix", initializer=set_up)
        for _ in range(self.count):
            self._pool.submit(int)
        ready.wait()
        torch.set_num_threads(cores)  # what the caller sees must not change

    def block_size(self, total: int, at_most: int) -> int:
        """Divide work into equal blocks, so that no thread is left without at the end."""
        blocks = -(-total // at_most)
        blocks += -blocks % self.count
        return max(1, -(-total // blocks))

    def submit(self, function: Callable[..., R], *args: object) -> Future[R]:
        """Run a function in inference mode on one of the threads."""
        return self._pool.submit(_infer, function, *args)

    def map(
        self, function: Callable[..., R], items: Iterable[tuple[object, ...]]
    ) -> Generator[R, None, None]:
        """Apply a function to each tuple of arguments, with the results in order.

        Items are taken as workers come free, so a long stream is never held in
        memory. When the iterator is closed or fails, no work is left running.
        """
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                pending.append(self.submit(function, *item))
                if len(pending) > self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            _finish(pending)


def _infer(function: Callable[..., R], *args: object) -> R:
    with torch.inference_mode():
        return function(*args)


def _finish(futures: Iterable[Future[R]]) -> None:
    """Cancel what has not begun and wait for what has."""
    futures = list(futures)
    for future in futures:
        future.cancel()
    for future in futures:
        if not future.cancelled():
            future.exception()
