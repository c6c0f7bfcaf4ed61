"""Threads that share a model's work among the processor's cores.

Blocks of audio and directions of an LSTM are independent pieces of work. One
thread per piece is faster than all threads on one piece after another: there
are no barriers, and each core keeps its data in its own cache.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 8
"""Each worker holds about 60 MB; further cores speed up its operations instead."""


class Workers:
    """A pool of threads for torch, each with its share of the cores.

    Parameters
    ----------
    device : torch.device
        One worker is enough for any device but the CPU: it only queues work.
    count : int, optional
        Workers on the CPU; by default one per core that torch uses, up to `MAX_WORKERS`.
    """

    def __init__(self, device: torch.device, count: int | None = None) -> None:
        cores = torch.get_num_threads()
        self.count = (count or min(cores, MAX_WORKERS)) if device.type == "cpu" else 1
        self._start()

    def _start(self) -> None:
        cores = torch.get_num_threads()
        share = max(1, cores // self.count)
        ready = threading.Barrier(self.count + 1)

        def set_up() -> None:
            # Thread count and inference mode are set per thread: without this, a
            # worker would use every core and record gradients. The first call makes
            # the thread adopt the program's count now, which would undo ours later.
            torch.get_num_threads()
            torch.set_num_threads(share)
            ready.wait()

        self._pool = ThreadPoolExecutor(self.count, "unmix", initializer=set_up)
        for _ in range(self.count):
            self._pool.submit(int)
        ready.wait()
        torch.set_num_threads(cores)  # what the caller sees must not change
        self._process = os.getpid()

    def block_size(self, total: int, at_most: int) -> int:
        """Divide work into equal blocks, so that no thread idles at the end."""
        blocks = -(-total // at_most)
        blocks += -blocks % self.count
        return max(1, -(-total // blocks))

    def submit(self, function: Callable[..., R], *args: object) -> Future[R]:
        """Run a function in inference mode on one of the threads."""
        if self._process != os.getpid():
            # Threads do not survive a fork, and neither does the pool that this thread's
            # own parallel work would use: it would wait for ever.
            torch.set_num_threads(1)
            self._start()
        return self._pool.submit(_infer, function, *args)

    def map(
        self, function: Callable[..., R], items: Iterable[tuple[object, ...]]
    ) -> Generator[R, None, None]:
        """Apply a function to each tuple of arguments, with the results in order.

        Items are taken when workers are free, so a long stream is never held in
        memory. When the iterator is closed or fails, all work is stopped.
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
    """Cancel work that has not begun and wait for the rest."""
    futures = list(futures)
    for future in futures:
        future.cancel()
    for future in futures:
        if not future.cancelled():
            future.exception()
