"""One file from one of several addresses, whatever happens on the way.

Every address is tried in order, then again after a pause, until one gives the
right bytes or none is worth another try. What arrived stays in the partial
file, and the next try, in this process or a later one, goes on from there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage
from threading import Event

import httpx

from ...errors import FetchError
from ..cards import is_loopback
from .digest import CHUNK, Expected, Hasher, hash_file
from .fault import Fault, as_fault, check_response
from .files import Cancelled, no_room, storage_error, write_small
from .policy import Policy


def open_client(policy: Policy) -> httpx.Client:
    """Open a client that follows no redirect on its own and honours proxies.

    Raises
    ------
    FetchError
        If the proxies or certificates that the environment sets make no sense.
    """
    timeout = httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout, pool=None)
    # Compressed transfer would make byte ranges and lengths mean something else.
    headers = {"Accept-Encoding": "identity", "User-Agent": "unmixcli"}
    try:
        return httpx.Client(timeout=timeout, headers=headers)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # A SOCKS proxy without the package for it, or no address at all.
        reason = "the environment's proxy settings are of no use"
        raise FetchError(f"{reason}: {error}", reason) from None
    except OSError as error:
        reason = "the certificates that SSL_CERT_FILE or SSL_CERT_DIR name are of no use"
        raise FetchError(f"{reason}: {error}", reason) from None


class _StartOver(Exception):
    """The server cannot go on from where the partial file ends."""


@dataclass
class Download:
    """The fetching of one file into ``part``.

    Parameters
    ----------
    urls : tuple of str
        Addresses, in order of preference.
    part : Path
        The partial file; next to it lies what is needed to resume it.
    expected : Expected
        What the bytes are compared with.
    about : int or None
        Roughly the bytes to come, to see beforehand whether they fit on the disk.
    advance : callable
        Called with the bytes that are there and those there will be, if known.
    tell : callable
        Called with what else a user may want to know, such as a pause.
    cancelled : Event
        Calls the work off.
    """

    urls: tuple[str, ...]
    part: Path
    expected: Expected
    about: int | None
    advance: Callable[[int, int | None], None]
    tell: Callable[[str], None]
    cancelled: Event
    client: httpx.Client
    policy: Policy
    faults: dict[str, Fault] = field(default_factory=dict)
    """Why each address failed, last."""
    furthest: int = 0
    """The most bytes that were ever there."""

    def run(self) -> Hasher | None:
        """Fetch the file.

        Returns
        -------
        Hasher or None
            The digests of the verified partial file; None if ``faults`` has the reasons why not.

        Raises
        ------
        ModelError
            If the file cannot be written.
        Cancelled
            If the work was called off.
        """
        alive = list(self.urls)
        ready = dict.fromkeys(alive, 0.0)  # when each may be asked again
        lap = 0
        while True:
            before = self.furthest
            for url in list(alive):
                if ready[url] > time.monotonic():
                    continue
                try:
                    return self._attempt(url)
                except Fault as fault:
                    # Wrong content twice is no accident of the transfer.
                    hopeless = fault.content and url in self.faults and self.faults[url].content
                    self.faults[url] = fault
                    ready[url] = time.monotonic() + fault.wait
                    if hopeless or not fault.retry or fault.wait > self.policy.longest_wait:
                        alive.remove(url)
            lap = 0 if self.furthest > before + CHUNK else lap + 1
            if not alive or lap == self.policy.rounds:
                return None
            pause = max(
                self.policy.backoff * 2 ** max(lap - 1, 0),
                min(ready[url] for url in alive) - time.monotonic(),
            )
            self.tell(f"{self.faults[alive[0]].reason}; trying again in {pause:.0f} s")
            if self.cancelled.wait(pause):
                raise Cancelled

    def discard(self) -> None:
        """Forget what arrived so far."""
        with self._storing():
            self.part.unlink(missing_ok=True)
            self._notes.unlink(missing_ok=True)

    def _attempt(self, url: str) -> Hasher:
        """Fetch from one address, going on from what is there; raise `Fault` if that fails."""
        start = self._resumable()
        while True:
            try:
                found, resumed = self._transfer(url, start)
            except _StartOver:
                start = 0
                continue
            wrong = self.expected.mismatch(found)
            if not wrong:
                return found
            self.discard()
            if not resumed:
                raise Fault(f"what it sends {wrong}", content=True)
            start = 0  # the earlier part may be what is wrong, not what this address sent

    def _resumable(self) -> int:
        """Return how many bytes of the partial file are of use."""
        # Without a digest to tell in the end, nothing shows that two halves belong together.
        if not self.expected.known or not self.part.is_file():
            return 0
        size = self.part.stat().st_size
        return size if size <= (self.expected.size or size) else 0

    def _transfer(self, url: str, start: int) -> tuple[Hasher, bool]:
        """Get the bytes from ``start`` on; tell whether the server agreed to start there."""
        found = self._hash_part(start)
        if start and self.expected.mismatch(found) is None:
            return found, True  # all came before, and only the renaming did not happen
        headers = self._range(url, start) if start else {}
        try:
            with self._get(url, headers) as response:
                if start and response.status_code == 416:
                    raise _StartOver
                check_response(response)
                total = self._total(response, start)
                resumed = response.status_code == 206
                if not resumed:
                    found = self.expected.hasher()
                    self._begin(url, response)
                self._receive(response, found, total)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise as_fault(error) from None
        return found, resumed

    def _range(self, url: str, start: int) -> dict[str, str]:
        headers = {"Range": f"bytes={start}-"}
        try:
            notes = json.loads(self._notes.read_text(encoding="ascii"))
            # A validator means something to the address only that it came from.
            if notes["url"] == url and notes["validator"]:
                headers["If-Range"] = notes["validator"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return headers

    def _begin(self, url: str, response: httpx.Response) -> None:
        """Start an empty partial file, and note how to ask later whether the source changed."""
        etag = response.headers.get("ETag", "")
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
        with self._storing():
            self.part.unlink(missing_ok=True)
            write_small(self._notes, json.dumps({"url": url, "validator": validator}))
            self.part.touch(0o644)

    def _total(self, response: httpx.Response, start: int) -> int | None:
        """Return how long the whole file is going to be, if the response says so."""
        if response.status_code == 206:
            match = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "")
            )
            if match is None or int(match[1]) != start or not start:
                if start:
                    raise _StartOver
                raise Fault("a part of the file came where all was asked for", retry=False)
            total = None if match[2] == "*" else int(match[2])
        else:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
        right = self.expected.size
        if right is not None and total not in (None, right):
            raise Fault(
                f"the file there has {total:,} bytes where {right:,} are right", retry=False
            )
        return total or right

    def _receive(self, response: httpx.Response, found: Hasher, total: int | None) -> None:
        needed = (total or self.about or 0) - found.size
        with self._storing():
            if disk_usage(self.part.parent).free < needed:
                raise no_room(self.part.parent, self._name, needed)
            # Unbuffered, so that a killed process loses nothing that arrived.
            file = self.part.open("ab", buffering=0)
        with file:
            self.advance(found.size, total)
            for data in response.iter_raw():
                if self.cancelled.is_set():
                    raise Cancelled
                found.update(data)
                if total is not None and found.size > total:
                    raise Fault(f"more came than the {total:,} bytes of the file", content=True)
                with self._storing():
                    rest = memoryview(data)
                    while rest:
                        rest = rest[file.write(rest) :]
                self.furthest = max(self.furthest, found.size)
                self.advance(found.size, total)
            with self._storing():
                os.fsync(file.fileno())

    def _hash_part(self, size: int) -> Hasher:
        found = self.expected.hasher()
        with self._storing():
            return hash_file(self.part, found) if size else found

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Send the request, following redirects by hand: none may lead down to http."""
        here = httpx.URL(url)
        for _ in range(self.policy.redirects + 1):
            request = self.client.build_request("GET", here, headers=headers)
            response = self.client.send(request, stream=True, follow_redirects=False)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                target = here.join(response.headers["Location"])
            finally:
                response.close()
            if target.scheme != "https" and not (
                here.scheme == "http" and is_loopback(target.host)
            ):
                raise Fault(
                    f"it redirects to {target.scheme}://{target.host}, without TLS", retry=False
                )
            here = target
        raise Fault("it redirects without end", retry=False)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                # What cannot become a file should not keep the disk full.
                self.part.unlink(missing_ok=True)
            raise storage_error(error, self.part.parent, self._name) from None

    @property
    def _name(self) -> str:
        return self.part.name.removeprefix(".").removesuffix(".part")

    @property
    def _notes(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")
