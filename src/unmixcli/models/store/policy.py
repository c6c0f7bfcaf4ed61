"""How patient to be with servers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """How patient to be; the tests are less so."""

    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    """Seconds without a single byte after which a server counts as silent."""
    rounds: int = 3
    """How often the list of addresses is gone through without any progress."""
    backoff: float = 1.0
    """Seconds before the second round; doubles from round to round."""
    longest_wait: float = 60.0
    """Longest Retry-After that is obeyed; an address that asks for more is given up."""
    redirects: int = 8
    parallel: int = 4
    """Files fetched at the same time."""
