"""Connect to a Dask cluster, or start one on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ...errors import UnmixError
from ...words import plain

if TYPE_CHECKING:
    from distributed import Client

Connect = Callable[[], AbstractContextManager["Client"]]

how_to_go_on = "what is finished is kept; run the same command with --skip-existing to go on"
PATIENCE = 15.0
"""Seconds to wait for a scheduler's answer."""
DEATHS = 3
"""How many workers of a local cluster may die of one recording before it is set aside."""


def connector(address: str | None, workers: int | None) -> Connect:
    """Return what connects to a scheduler, or starts workers on this machine.

    Parameters
    ----------
    address : str, optional
        Of a scheduler, such as ``tcp://host:8786``.
    workers : int, optional
        Number of processes to start here if there is no address.

    Raises
    ------
    UnmixError
        If Dask is not installed.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UnmixError("--cluster and --workers need Dask: run `pip install 'unmixcli[cluster]'`")
    if address is not None:
        return lambda: _client(address)
    return lambda: _local(workers or 1)


def threads_each(workers: int) -> int:
    """Return how many threads each of several workers on this machine may compute with."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, (int(given) if given.isdigit() else cores) // workers)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

    shown = plain(address)
    try:
        client = Client(address, set_as_default=False, timeout=PATIENCE)
    except (OSError, TimeoutError):
        raise UnmixError(
            f"no scheduler answers at {shown}: start one with `dask scheduler`, or check the "
            "address and the firewall"
        ) from None
    except ValueError as error:
        raise UnmixError(
            f"{shown} is not the address of a scheduler, such as tcp://host:8786: {error}"
        ) from None
    with _quiet(), client:
        yield client


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    from .local import start

    with _quiet(), start(workers, threads_each(workers), DEATHS) as client:
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log off the screen; what matters becomes an outcome."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


def sizes_of(client: Client) -> str:
    """Say how many workers there are, with their threads and memory."""
    with contextlib.suppress(Exception):  # only a note
        found = client.scheduler_info(n_workers=-1)["workers"].values()
        memory = min((each["memory_limit"] for each in found), default=0)
        threads = sum(each["nthreads"] for each in found)
        return (
            f"{len(found)} workers separate {threads} recordings at once; "
            f"a worker that needs more than {memory / 1e9:.1f} GB is restarted"
        )
    return ""
