"""Steps that must not be cut in two by Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def unbroken() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block is done: it must be short.

    Signals are delivered to the main thread only, so elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A handler that was not set from Python cannot be put back.
    held = [number for number, handler in before.items() if handler is not None]
    try:
        for number in held:
            signal.signal(number, wait)
        yield
    finally:
        for number in held:
            signal.signal(number, before[number])
        for late in dict.fromkeys(waiting):
            signal.raise_signal(late)
