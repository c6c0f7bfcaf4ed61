"""Who may use the studio: only this machine's user, never another web page.

Three checks, for every request:

- ``Host`` must name this server. A web page whose name is made to point to this machine (DNS
  rebinding) has another one.
- ``Origin`` and ``Sec-Fetch-Site``, which browsers send by themselves, must not be those of
  another site.
- A cookie or a bearer token must show that the client was given the address with the token, or
  knows the password.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..models.cards import is_loopback

OPEN = ("/", "/favicon.ico", "/api/login")
"""Paths that need no token; ``/static/`` holds only the program."""
_SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
_PATIENCE = 10
"""Wrong passwords that wait to be refused."""


@dataclass
class Access:
    """The secrets of one run, and the names of its server.

    Parameters
    ----------
    password : str or None
        If given, the server is reached over a network, and people log in.
    names : iterable of str
        Further names that ``Host`` may have.
    """

    password: str | None = None
    names: Iterable[str] = ()
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    port: int = 0

    def __post_init__(self) -> None:
        self._names = {name.casefold().rstrip(".") for name in self.names}
        self._slow = asyncio.Lock()
        self._waiting = 0

    @property
    def cookie(self) -> str:
        """The name of the cookie: those of all ports of a machine are together."""
        return f"unmix-studio-{self.port}"

    def is_host(self, host: str) -> bool:
        """Return whether ``Host`` names this server."""
        name = _name_of(host)
        if is_loopback(name):
            return True
        if name.casefold().rstrip(".") in self._names:
            return True
        # The address itself cannot be made to point elsewhere; a name can.
        return self.password is not None and _is_address(name)

    def has_cookie(self, headers: Headers) -> bool:
        """Return whether a request has the session's cookie."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except Exception:  # nonsense in it is no cookie
            return False
        found = cookies.get(self.cookie)
        return found is not None and _same(found.value, self.session)

    def has_token(self, headers: Headers) -> bool:
        """Return whether a program sends the token."""
        return self.is_token(_bearer(headers))

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token."""
        return _same(text, self.token)

    async def is_password(self, text: str) -> bool:
        """Return whether a text is the password.

        A wrong one takes a second, one after the other. While too many wait, none is looked at.
        """
        if self.password is None or self._waiting >= _PATIENCE:
            return False
        if _same(text, self.password):
            return True
        self._waiting += 1
        try:
            async with self._slow:
                await asyncio.sleep(1)
        finally:
            self._waiting -= 1
        return False

    async def has_password(self, headers: Headers) -> bool:
        """Return whether a program sends the password in place of the token."""
        secret = _bearer(headers)
        return bool(secret) and await self.is_password(secret)

    def log_in(self, response: Response) -> None:
        """Give a browser the cookie."""
        response.set_cookie(self.cookie, self.session, httponly=True, samesite="strict", path="/")

    def is_strange(self, scope: Scope, headers: Headers) -> bool:
        """Return whether a request is another web site's."""
        path, host = scope["path"], headers.get("host", "")
        site = headers.get("sec-fetch-site", "none")
        followed = (
            path == "/" and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        )
        if site not in ("none", "same-origin") and not followed:
            return True
        origin = headers.get("origin")
        return origin is not None and origin.partition("://")[2].casefold() != host.casefold()

    async def refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return the status and the sentence of a refusal; None if a request may pass."""
        if not self.is_host(headers.get("host", "")):
            return 403, "this name is not one of this server's; use the address that it printed"
        if self.is_strange(scope, headers):
            return 403, "requests of other web sites are refused"
        if scope["path"] in OPEN or scope["path"].startswith("/static/"):
            return None
        return await self._stranger(scope, headers)

    async def _stranger(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Refuse a client that has neither the token nor the cookie."""
        if self.has_token(headers) or await self.has_password(headers):
            return None
        if not self.has_cookie(headers):
            return 401, "open the address that `unmix studio` printed; it has the token"
        if scope["method"] not in _SAFE and "origin" not in headers:
            return 403, "a browser has to say where its request comes from"
        return None


class Gate:
    """Lets requests in that may pass, and puts the security headers on all answers.

    Parameters
    ----------
    app : ASGI application
    access : Access
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = await self._access.refusal(scope, Headers(scope=scope))
        if refusal:
            status, text = refusal
            await JSONResponse({"error": text}, status)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _bearer(headers: Headers) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.casefold() == "bearer" else ""


def _name_of(host: str) -> str:
    """Return the name in ``NAME:PORT`` or ``[ADDRESS]:PORT``."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
