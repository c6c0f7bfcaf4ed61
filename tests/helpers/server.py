"""A local web server that misbehaves on request."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Behaviour = Callable[["Handler", bytes], None]


@dataclass
class Request:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    status: int = 0
    method: str = "GET"


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Clients that hang up are part of the game."""


@dataclass
class Server:
    """Serves ``files`` on 127.0.0.1; ``script`` says how the next answers go wrong.

    The behaviours listed for a path are used up one request at a time; then
    the file is served as it should be.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    script: dict[str, list[Behaviour]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.released = threading.Event()  # ends every hang
        self.scheme = "http"
        self._lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"of": self}))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def start(self, certificate: Path | None = None) -> Server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread.start()
        return self

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return self.address + path

    def got(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def next_behaviour(self, path: str) -> Behaviour:
        with self._lock:
            waiting = self.script.get(path)
            return waiting.pop(0) if waiting else serve


class Handler(BaseHTTPRequestHandler):
    of: Server
    protocol_version = "HTTP/1.1"
    timeout = 20
    request_log = Request("", {})  # of a request that was no HTTP

    def do_CONNECT(self) -> None:
        """Refuse to be a tunnel."""
        self.send_error(403)

    def do_GET(self) -> None:
        path = self.log_request_of("GET")
        self.of.next_behaviour(path)(self, self.of.files.get(path, b""))

    def do_HEAD(self) -> None:
        """Answer with the length alone; its behaviours are listed for ``HEAD PATH``."""
        path = self.log_request_of("HEAD")
        data = self.of.files.get(path, b"")
        if (behave := self.of.next_behaviour(f"HEAD {path}")) is not serve:
            behave(self, data)
        elif data:
            self.head(200, len(data), ETag=etag(data))
        else:
            self.head(404, 0)

    def log_request_of(self, method: str) -> str:
        path = re.sub(r"^https?://[^/]+", "", self.path)  # a proxy gets the whole address
        fields = {k.lower(): v for k, v in self.headers.items()}
        self.request_log = Request(path, fields, method=method)
        self.of.requests.append(self.request_log)
        return path

    def send_response(self, code: int, message: str | None = None) -> None:
        self.request_log.status = code
        super().send_response(code, message)

    def head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def drop(self) -> None:
        """Cut the connection, without the polite end that a client could take for the file's."""
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        pass


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


def serve(handler: Handler, data: bytes) -> None:
    """Serve the file as it should be, with ranges and validators."""
    if not data:
        return status(404)(handler, data)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    unchanged = handler.headers.get("If-Range", etag(data)) == etag(data)
    if not match or not unchanged:
        handler.head(200, len(data), ETag=etag(data), Accept_Ranges="bytes")
        handler.wfile.write(data)
        return None
    start = int(match[1])
    if start >= len(data):
        handler.head(416, 0, Content_Range=f"bytes */{len(data)}")
        return None
    end = min(int(match[2] or len(data) - 1), len(data) - 1)
    span = f"bytes {start}-{end}/{len(data)}"
    handler.head(206, end + 1 - start, ETag=etag(data), Content_Range=span)
    handler.wfile.write(data[start : end + 1])
    return None


def without_ranges(handler: Handler, data: bytes) -> None:
    handler.head(200, len(data))
    handler.wfile.write(data)


def status(code: int, **headers: str) -> Behaviour:
    def behave(handler: Handler, data: bytes) -> None:
        handler.head(code, 0, **headers)

    return behave


def redirect(target: str) -> Behaviour:
    return status(302, Location=target)


def hang(handler: Handler, data: bytes) -> None:
    """Say nothing at all."""
    handler.of.released.wait(20)
    handler.close_connection = True


def stall(count: int) -> Behaviour:
    """Send so many bytes and then nothing more."""

    def behave(handler: Handler, data: bytes) -> None:
        handler.head(200, len(data), ETag=etag(data))
        handler.wfile.write(data[:count])
        handler.of.released.wait(20)
        handler.close_connection = True

    return behave


def cut(count: int) -> Behaviour:
    """Send so many bytes, from wherever was asked, and cut the connection."""

    def behave(handler: Handler, data: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        rest = data[start:]
        if start:
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            handler.head(206, len(rest), ETag=etag(data), Content_Range=span)
        else:
            handler.head(200, len(rest), ETag=etag(data))
        handler.wfile.write(rest[:count])
        handler.drop()

    return behave


def other(content: bytes, **headers: str) -> Behaviour:
    """Send something else than the file, whole and well."""

    def behave(handler: Handler, data: bytes) -> None:
        handler.head(200, len(content), **headers)
        handler.wfile.write(content)

    return behave


def wrong_byte(handler: Handler, data: bytes) -> None:
    other(data[:-1] + bytes([data[-1] ^ 1]))(handler, data)


def endless(handler: Handler, data: bytes) -> None:
    """Send more than the file, without saying how much."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(data + b"and more")
    handler.close_connection = True
