"""What runs in a worker of a Dask cluster, and what the client asks of it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...audio.reading import Excerpt
from ...errors import UnmixError
from ...models.interface import Progress
from ...models.registry import Registry
from ...words import display
from ..order import Order
from ..results import Result
from .interface import Job
from .one import separate_one

if TYPE_CHECKING:
    from distributed import Client

    from ..separator import Separator

GPU = "GPU"
"""The resource of workers that have a graphics card, as in ``dask worker --resources GPU=1``."""

_LOCK = threading.Lock()
_loaded: list[tuple[Order, Separator]] = []
"""The model of the last recording; the next one probably needs the same."""
_counter = [0]


class Cancelled(BaseException):
    """The client no longer wants the result. No `Exception`, which a plugin could catch."""


def separate(job: Job, folder: str) -> tuple[Result, list[str]]:
    """Separate one recording in this worker.

    Parameters
    ----------
    job : Job
    folder : str
        The client's working directory, for relative paths.

    Returns
    -------
    result : SeparatedTrack, Skipped or UnmixError
    warnings : list of str

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        reason = f"a worker cannot use the folder {display(Path(folder))}: {error.strerror}"
        return UnmixError(f"{reason}; the workers need the same folders as the client"), []
    wanted = _asker()
    with _counted(), _warnings() as warnings:
        try:
            result = separate_one(job, _load, lambda recording: _watched(recording, wanted))
        except Cancelled:
            result = UnmixError("cancelled")
    return result, warnings


def at_work() -> int:
    """Return how many recordings this worker is separating."""
    return _counter[0]


def here() -> str:
    """Return the working directory."""
    return str(Path.cwd())


def slots(client: Client, device: str) -> int:
    """Return how many recordings all workers together can separate at once."""
    if resources(client, device):
        found = client.scheduler_info(n_workers=-1)["workers"].values()
        return sum(int(each["resources"].get(GPU, 0)) for each in found)
    return sum(client.nthreads().values())


def resources(client: Client, device: str) -> dict[str, float]:
    """Return what a worker must have: a graphics card, if any worker says that it has one."""
    if device.partition(":")[0] not in ("cuda", "xpu"):
        return {}
    found = client.scheduler_info(n_workers=-1)["workers"].values()
    return {GPU: 1} if any(each["resources"].get(GPU) for each in found) else {}


def share_of(device: str, number: Any, count: int) -> str:
    """Return the device of one of several workers on a machine.

    >>> share_of("cuda", 3, 2), share_of("auto", 1, 0), share_of("cuda:1", 0, 2)
    ('cuda:1', 'auto', 'cuda:1')
    """
    if device not in ("auto", "cuda") or count < 2 or not isinstance(number, int):
        return device
    return f"cuda:{number % count}"


def _load(order: Order) -> Separator:
    """Return the separator of an order; keep it for the next recording."""
    import torch
    from distributed import get_worker

    from ..separator import Separator

    with _LOCK:
        if _loaded and _loaded[0][0] == order:
            return _loaded[0][1]
        _loaded.clear()  # first, so that there is memory for the next
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        device = share_of(order.config.device, get_worker().name, cards)
        config = order.config.model_copy(update={"device": device})
        separator = Separator.of(replace(order, config=config), Registry())
        _loaded.append((order, separator))
        return separator


def _asker() -> Callable[[], bool]:
    """Return what tells whether the client still wants the recording of this thread."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return wanted


@contextmanager
def _watched(recording: Excerpt, wanted: Callable[[], bool]) -> Iterator[Progress]:
    def progress(stage: str, fraction: float) -> None:
        if not wanted():
            raise Cancelled

    yield progress


@contextmanager
def _counted() -> Iterator[None]:
    with _LOCK:
        _counter[0] += 1
    try:
        yield
    finally:
        with _LOCK:
            _counter[0] -= 1


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the program's warnings for the client, which has a screen."""
    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("unmixcli")
    log.addHandler(handler)
    log.propagate = False
    try:
        yield warnings
    finally:
        log.removeHandler(handler)
