"""Download one file from one of several addresses, despite errors on the way.

All addresses are tried in order, then again after a pause, until one gives the
right bytes or none is worth another try. The bytes that arrived stay in the
partial file; the next try, in this process or a later one, continues there.
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
from typing import Any

import httpx

from ...errors import FetchError, ModelError
from .digest import CHUNK, Expected, Hasher, hash_file
from .fault import Fault, as_fault, check_response
from .files import Cancelled, no_room, storage_error, write_small
from .policy import Policy
from .redirects import redirect_target


def open_client(policy: Policy) -> httpx.Client:
    """Open a client that follows no redirects by itself and honours proxies.

    Raises
    ------
    FetchError
        If the environment sets invalid proxies or certificates.
    """
    try:
        return httpx.Client(**client_settings(policy))
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise client_error(error) from None


def client_settings(policy: Policy) -> dict[str, Any]:
    """Return the arguments of every HTTP client."""
    return {
        "timeout": httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout, pool=None),
        # Compressed transfer would change the meaning of byte ranges and lengths.
        "headers": {"Accept-Encoding": "identity", "User-Agent": "unmixcli"},
    }


def client_error(error: Exception) -> FetchError:
    """Say why no client could be opened."""
    if isinstance(error, OSError):
        reason = "the certificates in SSL_CERT_FILE or SSL_CERT_DIR cannot be used"
    else:  # a SOCKS proxy without its package, or an invalid address
        reason = "the environment's proxy settings are invalid"
    return FetchError(f"{reason}: {error}", reason)


class _StartOver(Exception):
    """The server cannot continue from the end of the partial file."""


@dataclass
class Download:
    """The download of one file into ``part``.

    Parameters
    ----------
    urls : tuple of str
        Addresses, in order of preference.
    part : Path
        The partial file; a second file beside it holds the facts for resuming it.
    expected : Expected
        The size and digest that the bytes must have.
    about : int or None
        Approximate size, to check beforehand whether it fits on the disk.
    advance : callable
        Called with the number of bytes so far and the total, if known.
    tell : callable
        Called with notes for the user, such as a pause.
    cancelled : Event
        Set to cancel the download.
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
    """Why each address failed the last time."""
    furthest: int = 0
    """The most bytes that ever arrived."""

    def run(self) -> Hasher | None:
        """Download the file.

        Returns
        -------
        Hasher or None
            The digests of the verified partial file; None if it failed, see ``faults``.

        Raises
        ------
        ModelError
            If the file cannot be written.
        Cancelled
            If the download was cancelled.
        """
        alive = list(self.urls)
        ready = dict.fromkeys(alive, 0.0)  # when each may be tried again
        lap = 0
        while True:
            before = self.furthest
            for url in list(alive):
                if ready[url] > time.monotonic():
                    continue
                try:
                    return self._attempt(url)
                except (ModelError, Cancelled):
                    raise
                except Exception as error:  # whatever one address does, the others may be fine
                    fault = error if isinstance(error, Fault) else as_fault(error)
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
        """Delete what has arrived so far."""
        with self._storing():
            self.part.unlink(missing_ok=True)
            self._notes.unlink(missing_ok=True)

    def _attempt(self, url: str) -> Hasher:
        """Download from one address, resuming if possible; raise `Fault` on failure."""
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
                raise Fault(f"the file it sends {wrong}", content=True)
            start = 0  # the error may be in the earlier part, not in what this address sent

    def _resumable(self) -> int:
        """Return how many bytes of the partial file can be kept."""
        # Without a digest, nothing proves that two halves belong together.
        if not self.expected.known or not self.part.is_file():
            return 0
        size = self.part.stat().st_size
        return size if size <= (self.expected.size or size) else 0

    def _transfer(self, url: str, start: int) -> tuple[Hasher, bool]:
        """Get the bytes from ``start`` on; also return whether the server resumed there."""
        found = self._hash_part(start)
        if start and self.expected.mismatch(found) is None:
            return found, True  # complete already; only the renaming is missing
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
            if notes["url"] == url and (validator := _header(notes["validator"])):
                headers["If-Range"] = validator
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return headers

    def _begin(self, url: str, response: httpx.Response) -> None:
        """Start an empty partial file, and store the validator for resuming it."""
        etag = _header(response.headers.get("ETag", ""))
        modified = _header(response.headers.get("Last-Modified", ""))
        validator = etag if etag.startswith('"') else modified
        with self._storing():
            self.part.unlink(missing_ok=True)
            write_small(self._notes, json.dumps({"url": url, "validator": validator}))
            self.part.touch(0o644)

    def _total(self, response: httpx.Response, start: int) -> int | None:
        """Return the total size of the file, if the response has it."""
        if response.status_code == 206:
            span = response.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", span)
            if match is None or int(match[1]) != start or not start:
                if start:
                    raise _StartOver
                raise Fault("the server sent only a part of the file", retry=False)
            total = None if match[2] == "*" else int(match[2])
        else:
            length = response.headers.get("Content-Length", "")
            total = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        right = self.expected.size
        if right is not None and total not in (None, right):
            raise Fault(f"the file there has {total:,} bytes instead of {right:,}", retry=False)
        if right is None and (total or 0) > self._most:
            raise Fault(
                f"the file there has {total:,} bytes, but at most {self._most:,} are expected",
                retry=False,
            )
        return total or right

    def _receive(self, response: httpx.Response, found: Hasher, total: int | None) -> None:
        needed = (total or self.about or 0) - found.size
        with self._storing():
            if disk_usage(self.part.parent).free < needed:
                raise no_room(self.part.parent, self._name, needed)
            # Unbuffered, so that a killed process loses no bytes.
            file = self.part.open("ab", buffering=0)
        with file:
            self.advance(found.size, total)
            for data in response.iter_raw():
                if self.cancelled.is_set():
                    raise Cancelled
                found.update(data)
                if found.size > (total or self._most):
                    raise self._too_much(total)
                with self._storing():
                    rest = memoryview(data)
                    while rest:
                        rest = rest[file.write(rest) :]
                self.furthest = max(self.furthest, found.size)
                self.advance(found.size, total)
            with self._storing():
                os.fsync(file.fileno())

    def _too_much(self, total: int | None) -> Fault:
        if total:
            return Fault(f"more came than the {total:,} bytes of the file", content=True)
        self.discard()  # an endless body must not fill the disk
        return Fault(f"the server sent more than the expected {self._most:,} bytes", retry=False)

    def _hash_part(self, size: int) -> Hasher:
        found = self.expected.hasher()
        with self._storing():
            return hash_file(self.part, found) if size else found

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Send the request; follow redirects by hand, but never from https to http."""
        here = httpx.URL(url)
        for _ in range(self.policy.redirects + 1):
            request = self.client.build_request("GET", here, headers=headers)
            response = self.client.send(request, stream=True, follow_redirects=False)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                here = redirect_target(here, response)
            finally:
                response.close()
        raise Fault("it redirects too often", retry=False)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                # A file that does not fit should not keep the disk full.
                self.part.unlink(missing_ok=True)
            raise storage_error(error, self.part.parent, self._name) from None

    @property
    def _most(self) -> int:
        """The largest possible size of a file whose exact size is unknown."""
        return 2 * self.about if self.about else self.policy.largest

    @property
    def _name(self) -> str:
        return self.part.name.removeprefix(".").removesuffix(".part")

    @property
    def _notes(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")


def _header(value: object) -> str:
    """Return a validator that is safe to send back to a server, or an empty string."""
    return value if isinstance(value, str) and re.fullmatch(r"[ -~]{1,1000}", value) else ""
