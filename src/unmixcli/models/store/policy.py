"""How long to wait for servers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """How long to wait for servers; the tests use shorter times."""

    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    """Seconds without a byte after which the server has failed."""
    rounds: int = 3
    """How often all addresses are tried without any progress."""
    backoff: float = 1.0
    """Seconds before the second round; doubles from round to round."""
    longest_wait: float = 60.0
    """Longest Retry-After to obey; an address that asks for more is dropped."""
    redirects: int = 8
    largest: int = 20 * 10**9
    """Bytes of a file of which the catalogue says no size at all."""
    parallel: int = 4
    """Files downloaded at the same time."""
