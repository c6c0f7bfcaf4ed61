"""Ask all addresses of files for their lengths, without downloading anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import httpx

from ..cards import ModelCard, Weights
from .download import client_error, client_settings
from .fault import Fault, as_fault, check_response
from .policy import Policy
from .redirects import redirect_target

PARALLEL = 8
"""Addresses asked at the same time."""

_PERMANENT = (301, 308)
_ABOUT = 0.1
"""How far an approximate size in the catalogue may be off."""

LinkStatus = Literal["ok", "moved", "missing", "wrong size"]


@dataclass(frozen=True)
class Link:
    """The state of one address of a file.

    Attributes
    ----------
    status : str
        ``ok``; ``moved`` if the file is there but the server says that its address has
        changed for good; ``missing`` if it does not answer with a file; ``wrong size``.
    size : int or None
        Bytes of the file there, if the server says so.
    reason : str
        A few words, unless it is ok.
    """

    card: ModelCard
    weights: Weights
    url: str
    status: LinkStatus
    size: int | None = None
    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether the file can be downloaded from there."""
        return self.status in ("ok", "moved")


def check_links(
    files: Iterable[tuple[ModelCard, Weights]],
    policy: Policy | None = None,
    answered: Callable[[int, int], None] = lambda done, count: None,
) -> list[Link]:
    """Ask every address of files for the file's length; retry a passing failure once.

    Parameters
    ----------
    files : iterable of (ModelCard, Weights)
    policy : Policy, optional
        How long to wait for servers.
    answered : callable
        Takes the number of addresses that were checked and of all.

    Returns
    -------
    list of Link
        One for each address, in order.

    Raises
    ------
    FetchError
        If the environment sets invalid proxies or certificates.
    """
    jobs = [(card, weights, url) for card, weights in files for url in weights.urls]
    return asyncio.run(_check_all(jobs, policy or Policy(), answered))


async def _check_all(
    jobs: list[tuple[ModelCard, Weights, str]],
    policy: Policy,
    answered: Callable[[int, int], None],
) -> list[Link]:
    turn = asyncio.Semaphore(PARALLEL)
    done = 0

    async def check(client: httpx.AsyncClient, job: tuple[ModelCard, Weights, str]) -> Link:
        nonlocal done
        async with turn:
            link = await _check(client, policy, *job)
        done += 1
        answered(done, len(jobs))
        return link

    try:
        client = httpx.AsyncClient(**client_settings(policy))
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise client_error(error) from None
    async with client:
        return await asyncio.gather(*(check(client, job) for job in jobs))


async def _check(
    client: httpx.AsyncClient, policy: Policy, card: ModelCard, weights: Weights, url: str
) -> Link:
    for last in (False, True):
        try:
            size, moved_to = await _ask(client, policy, url)
        except (Fault, httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            fault = error if isinstance(error, Fault) else as_fault(error)
            if last or not fault.retry or fault.wait > policy.longest_wait:
                break
            await asyncio.sleep(max(policy.backoff, fault.wait))
            continue
        if wrong := _mismatch(weights, size):
            return Link(card, weights, url, "wrong size", size, wrong)
        if moved_to:
            return Link(card, weights, url, "moved", size, f"now at {moved_to}")
        return Link(card, weights, url, "ok", size, "" if size else "its size is not known")
    return Link(card, weights, url, "missing", None, fault.reason)


async def _ask(client: httpx.AsyncClient, policy: Policy, url: str) -> tuple[int | None, str]:
    """Return the length of the file at an address and, if that has moved, the new one."""
    size, moved_to = await _length(client, policy, "HEAD", url)
    # Some servers do not answer HEAD, or without a length: ask for the first byte.
    return (size, moved_to) if size else await _length(client, policy, "GET", url)


async def _length(
    client: httpx.AsyncClient, policy: Policy, method: str, url: str
) -> tuple[int | None, str]:
    headers = {"Range": "bytes=0-0"} if method == "GET" else {}
    here, moved, moved_to = httpx.URL(url), True, ""
    for _ in range(policy.redirects + 1):
        async with client.stream(method, here, headers=headers) as response:
            if not response.has_redirect_location:
                if method == "HEAD" and response.status_code != 200:
                    return None, ""
                check_response(response)
                return _total(response), moved_to
            # The new address is the last one that only permanent redirects lead to.
            moved = moved and response.status_code in _PERMANENT
            here = redirect_target(here, response)
            moved_to = str(here) if moved else moved_to
    raise Fault("it redirects too often", retry=False)


def _total(response: httpx.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    if response.status_code == 206:
        text = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _mismatch(weights: Weights, size: int | None) -> str:
    about = weights.about_size
    if size is None or size == weights.size:
        return ""
    if weights.size is not None:
        return f"{size:,} bytes instead of {weights.size:,}"
    if about is not None and abs(size - about) > _ABOUT * about:
        return f"{size:,} bytes instead of about {about:,}"
    return ""
