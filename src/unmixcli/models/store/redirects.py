"""Which redirects of a server to follow."""

from __future__ import annotations

import httpx

from ..cards import is_loopback
from .fault import Fault


def redirect_target(here: httpx.URL, response: httpx.Response) -> httpx.URL:
    """Return the address that a response redirects to.

    Raises
    ------
    Fault
        If it leads from https to http, except on this machine.
    """
    target = here.join(response.headers["Location"])
    if target.scheme != "https" and not (here.scheme == "http" and is_loopback(target.host)):
        raise Fault(f"it redirects to {target.scheme}://{target.host}, without TLS", retry=False)
    return target
