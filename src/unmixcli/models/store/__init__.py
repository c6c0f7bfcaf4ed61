"""The weights on this machine: where they lie, how they get there, whether they are right.

A file gets its name in the store only when it is whole and its digest is
right, and its digest is compared again each time before a model opens it.

Layout, below the root::

    PLUGIN/MODEL/FILE              the weights
    PLUGIN/MODEL/.FILE.part        what arrived of a file so far
    PLUGIN/MODEL/.FILE.part.json   the address and validator to resume it with
    PLUGIN/MODEL/.FILE.sha256      the digest learnt at the first fetch
    PLUGIN/MODEL/.FILE.lock        held while a process fetches
"""

from __future__ import annotations

from .fetch import FetchEvent, Outcome, Report, silent
from .place import Place, State
from .policy import Policy
from .store import Added, FileCheck, Store

__all__ = [
    "Added",
    "FetchEvent",
    "FileCheck",
    "Outcome",
    "Place",
    "Policy",
    "Report",
    "State",
    "Store",
    "silent",
]
