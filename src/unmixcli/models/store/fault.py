"""Why one try to fetch a file failed, in words, and whether another one may succeed."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.request import getproxies

import httpx

from ...errors import FetchError

_PASSING = {408, 425, 429, 500, 502, 503, 504}

# Of an error and its causes, outermost first, the first that is listed here speaks.
_REASONS: list[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = [
    (ssl.SSLError, "no TLS connection ({0.reason})"),
    (socket.gaierror, "the host name cannot be resolved (is there a network?)"),
    (ConnectionRefusedError, "the connection was refused"),
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.TimeoutException, "the server went silent"),
    (httpx.ProxyError, "the proxy refuses ({0})"),
    ((httpx.RemoteProtocolError, httpx.ReadError), "the connection was cut"),
    (OSError, "{0.strerror}"),
]


class Fault(Exception):
    """One failed try.

    Parameters
    ----------
    reason : str
        What happened, to follow an address and a colon.
    retry : bool
        Whether the same address may do better later.
    wait : float
        Seconds that the server asked to be left alone.
    content : bool
        Whether the transfer went well and the content is what is wrong.
    certificate : bool
        Whether the server's certificate is what is wrong.
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

    A refused connection, a name that does not resolve and a bad certificate are
    all one class to the client; what lies underneath tells them apart.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"its TLS certificate cannot be trusted ({cause.verify_message})"
            return Fault(why, retry=False, certificate=True)
        for kind, reason in _REASONS:
            if isinstance(cause, kind):
                return Fault(reason.format(cause))
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Fault(f"not an address ({error})", retry=False)
    return Fault(str(error) or type(error).__name__)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def check_response(response: httpx.Response) -> None:
    """Raise `Fault` unless the response brings a file, or a part of one."""
    status = response.status_code
    if status not in (200, 206):
        wait = _retry_after(response.headers.get("Retry-After", ""))
        reason = f"the server answers {status} {response.reason_phrase}".rstrip()
        reason += f", to be asked again in {wait:.0f} s" if wait else ""
        raise Fault(reason, retry=status in _PASSING, wait=wait)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        # Hotels and offices answer any request with the page where one logs in.
        raise Fault("a web page came instead of the file (does this network want a log-in?)")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Fault("the file came compressed, which was not asked for", retry=False)


def _retry_after(value: str) -> float:
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def shown(url: str) -> str:
    """Return an address as it may be printed: without a password in it."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL:
        return url


def fetch_error(model: str, file: str, faults: dict[str, Fault]) -> FetchError:
    """Put why each address failed, and what to do, into one sentence."""
    reasons: dict[str, list[str]] = {}
    for url, fault in faults.items():
        reasons.setdefault(fault.reason, []).append(shown(url))
    told = "; ".join(f"from {' or '.join(urls)}: {reason}" for reason, urls in reasons.items())
    proxies = getproxies()
    proxy = (
        "check the proxy that the environment sets"
        if proxies.get("https") or proxies.get("all")
        else "set HTTPS_PROXY if this network needs a proxy"
    )
    if any(fault.certificate for fault in faults.values()):
        first = "Set SSL_CERT_FILE if this network has certificates of its own"
    else:
        first = "Try again later"
    return FetchError(
        f"cannot fetch {file} of {model} {told}. {first}, {proxy}, "
        f"or get the file elsewhere and run `unmix models add {file}`",
        "; ".join(reasons),
    )
