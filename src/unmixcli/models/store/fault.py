"""Describe why a download failed, and whether another try may succeed."""

from __future__ import annotations

import re
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.request import getproxies

import httpx

from ...errors import FetchError
from ...words import plain

_LONGEST = 80
"""Characters of a server's words that are shown."""
_A_YEAR = 365 * 86400.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}

# The reason comes from the first match among an error and its causes, outermost first.
_REASONS: list[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = [
    (ssl.SSLError, "the TLS connection failed ({0.reason})"),
    (socket.gaierror, "the host name cannot be resolved (no network?)"),
    (ConnectionRefusedError, "the connection was refused"),
    (httpx.ConnectTimeout, "the connection timed out"),
    (httpx.TimeoutException, "the server stopped answering"),
    (httpx.ProxyError, "the proxy refused ({0})"),
    ((httpx.RemoteProtocolError, httpx.ReadError), "the connection was lost"),
    (OSError, "{0.strerror}"),
]


class Fault(Exception):
    """A failed try.

    Parameters
    ----------
    reason : str
        What happened; printed after an address and a colon.
    retry : bool
        Whether the same address may work later.
    wait : float
        Seconds that the server asked to wait.
    content : bool
        Whether the transfer succeeded but the content is wrong.
    certificate : bool
        Whether the server's certificate is the problem.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry: bool = True,
        wait: float = 0.0,
        content: bool = False,
        certificate: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.wait = wait
        self.content = content
        self.certificate = certificate


def as_fault(error: Exception) -> Fault:
    """Turn an error of the HTTP client into words.

    The client raises the same class for a refused connection, an unknown host
    and a bad certificate; the causes of the error tell them apart.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"its TLS certificate cannot be trusted ({cause.verify_message})"
            return Fault(why, retry=False, certificate=True)
        for kind, reason in _REASONS:
            if isinstance(cause, kind):
                return Fault(reason.format(cause))
    # Host names with letters of other scripts, or with too many, raise ValueError.
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | ValueError):
        return Fault(f"not an address ({plain(error, _LONGEST)})", retry=False)
    return Fault(plain(error, _LONGEST) or type(error).__name__)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def check_response(response: httpx.Response) -> None:
    """Raise `Fault` unless the response contains a file or a part of one."""
    status = response.status_code
    if status not in (200, 206):
        wait = _retry_after(response.headers.get("Retry-After", ""))
        words = plain(response.reason_phrase, _LONGEST)
        reason = f"the server answers {status} {words}".rstrip()
        reason += f", to be asked again in {wait:.0f} s" if wait else ""
        raise Fault(reason, retry=status in _PASSING, wait=wait)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        # Networks in hotels and offices answer any request with a login page.
        raise Fault("the server sent a web page instead of the file (does it need a login?)")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Fault("the server sent the file compressed, which was not requested", retry=False)


def _retry_after(value: str) -> float:
    """Return the seconds that a header asks to wait, as a number or until a date."""
    if re.fullmatch(r"\s*[0-9]+\s*", value):
        return min(float(value), _A_YEAR)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _A_YEAR)
    except (ValueError, OverflowError):  # no date, or one that no calendar has
        return 0.0


def shown(url: str) -> str:
    """Return an address without its password, safe to print."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL:
        return url


def fetch_error(model: str, file: str, faults: dict[str, Fault]) -> FetchError:
    """Say in one sentence why each address failed and what to do."""
    reasons: dict[str, list[str]] = {}
    for url, fault in faults.items():
        reasons.setdefault(fault.reason, []).append(shown(url))
    told = "; ".join(f"from {' or '.join(urls)}: {reason}" for reason, urls in reasons.items())
    proxies = getproxies()
    proxy = (
        "check the proxy settings in the environment"
        if proxies.get("https") or proxies.get("all")
        else "set HTTPS_PROXY if this network needs a proxy"
    )
    if any(fault.certificate for fault in faults.values()):
        first = "Set SSL_CERT_FILE if this network uses its own certificates"
    else:
        first = "Try again later"
    return FetchError(
        f"cannot download {file} of {model} {told}. {first}, {proxy}, "
        f"or get the file some other way and run `unmix models add {file}`",
        "; ".join(reasons),
    )
