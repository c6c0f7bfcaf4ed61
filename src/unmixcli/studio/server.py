"""Run a studio: bind its address, serve it, stop it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import uvicorn

from ..errors import OutputError, UsageError
from ..models.cards import is_loopback
from .access import Access
from .app import make_app
from .hub import Hub
from .studio import Studio

PORT = 8459
"""The usual port; another one if it is taken."""
_CONNECTIONS = 256


def serve(
    library: Path,
    host: str,
    port: int | None,
    password: str | None,
    names: Iterable[str],
    ready: Callable[[str], None],
) -> None:
    """Serve a studio until a signal ends it.

    Parameters
    ----------
    library : Path
        The folder of the library.
    host : str
        The address to listen on.
    port : int or None
        None means the usual one, or another if it is taken; 0 any free one.
    password : str or None
        Needed for a host that other machines reach.
    names : iterable of str
        Further names of the server, such as that of a proxy.
    ready : callable
        Takes the address to open, once it can be opened.

    Raises
    ------
    UsageError
        If the host needs a password.
    OutputError
        If the port is taken or the library cannot be used.
    """
    if not is_loopback(host) and not password:
        raise UsageError(
            f"--host {host} lets other machines in: give a --password, too, and put a proxy with "
            "TLS in front, because the password is sent as it is"
        )
    bound = _bind(host, port)
    try:
        access = Access(password, (host, socket.gethostname(), *names))
        access.port = bound.getsockname()[1]
        studio = Studio(library)
        shown = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            make_app(studio, access),
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=2,
        )
        query = "" if password else f"?token={access.token}"
        address = f"http://{shown}:{access.port}/{query}"
        _Server(config, studio.hub, lambda: ready(address)).run(sockets=[bound])
    finally:
        bound.close()


class _Server(uvicorn.Server):
    """Says when it is ready, and ends the streams of events when it stops."""

    def __init__(self, config: uvicorn.Config, hub: Hub, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._hub = hub
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._hub.close()
        super().handle_exit(sig, frame)


def _bind(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (PORT, 0) if port is None else (port,):
        bound = socket.socket(family, socket.SOCK_STREAM)
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, wanted))
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE and port is None and wanted:
                continue
            reason = (
                "is taken by another program"
                if error.errno == errno.EADDRINUSE
                else (f"cannot be used: {error.strerror}")
            )
            raise OutputError(f"{host}, port {wanted}, {reason}; choose another --port") from None
        bound.set_inheritable(False)
        return bound
    raise AssertionError  # the last port is any free one
