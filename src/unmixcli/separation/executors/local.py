"""A Dask cluster on this machine, for as long as one command runs. Imports Dask."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster, Worker, WorkerPlugin

from ...errors import UnmixError
from ...words import sentence_of


class IgnoreInterrupts(WorkerPlugin):  # type: ignore[misc]
    """Ctrl-C reaches the workers too, but only the client decides what it means."""

    name = "unmix-ignore-interrupts"

    def setup(self, worker: Worker) -> None:
        """Called in the main thread of each worker, also of one that was restarted."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def start(workers: int, threads: int, deaths: int) -> Iterator[Client]:
    """Start workers and yield a client of theirs; they end with the context.

    Parameters
    ----------
    workers : int
        Number of processes.
    threads : int
        Threads that each may compute with.
    deaths : int
        How many workers may die of one recording before it is set aside.

    Raises
    ------
    UnmixError
        If they do not start.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    with dask.config.set({"distributed.scheduler.allowed-failures": deaths - 1}):
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                env=dict.fromkeys(names, str(threads)),
                # Other users of this machine must not be able to send us work.
                security=True,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise UnmixError(f"the workers could not be started: {sentence_of(error)}") from None
        with cluster, cluster.get_client() as client:
            client.register_plugin(IgnoreInterrupts())
            yield client
