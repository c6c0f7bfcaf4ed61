"""Events on their way to the browsers and programs that listen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

_MOST = 1000
"""Events that wait for a listener; one that falls behind is dropped, and asks for everything."""
PING = 15.0
"""Seconds without an event after which a comment keeps a connection open."""
LISTENERS = 64

Waiting = asyncio.Queue[str | None]


class Hub:
    """Passes events from any thread to all listeners."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[Waiting, asyncio.AbstractEventLoop] = {}
        self._closed = False

    def publish(self, kind: str, data: Any) -> None:
        """Send an event to all listeners, in the format of server-sent events."""
        self._send(f"event: {kind}\ndata: {json.dumps(data)}\n\n")

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closed = True
        self._send(None)

    @property
    def full(self) -> bool:
        """Whether there are as many listeners as may be."""
        return len(self._listeners) >= LISTENERS

    def _send(self, text: str | None) -> None:
        with self._lock:
            for waiting, loop in self._listeners.items():
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    loop.call_soon_threadsafe(_put, waiting, text)

    async def listen(self) -> AsyncIterator[str]:
        """Yield events from now on, the first one at once."""
        waiting: Waiting = asyncio.Queue(_MOST + 2)
        with self._lock:
            self._listeners[waiting] = asyncio.get_running_loop()
        try:
            yield "retry: 1000\nevent: hello\ndata: {}\n\n"
            while not self._closed:
                try:
                    text = await asyncio.wait_for(waiting.get(), PING)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            with self._lock:
                self._listeners.pop(waiting, None)


def _put(waiting: Waiting, text: str | None) -> None:
    if waiting.qsize() <= _MOST:
        waiting.put_nowait(text if waiting.qsize() < _MOST else None)
