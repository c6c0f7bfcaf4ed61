"""The weights on this machine: where they are, how they get there, whether they are intact.

A file gets its name in the store only when it is complete and its digest is
right. The digest is compared again each time before a model opens the file.

Layout, below the root::

    PLUGIN/MODEL/FILE              the weights
    PLUGIN/MODEL/.FILE.part        the part of a file that has arrived
    PLUGIN/MODEL/.FILE.part.json   the address and validator to resume it with
    PLUGIN/MODEL/.FILE.sha256      the digest found at the first download
    PLUGIN/MODEL/.FILE.lock        held while a process downloads
    .unreachable                   why the latest download for ``auto`` failed
"""

from __future__ import annotations

from .fetch import FetchEvent, Outcome, Report, silent
from .place import Place, State
from .policy import Policy
from .recent import Failures
from .store import Added, FileCheck, Store

__all__ = [
    "Added",
    "Failures",
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
