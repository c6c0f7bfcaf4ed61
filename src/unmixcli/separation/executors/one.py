"""Separate one recording; whatever goes wrong with it is its result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ...audio.reading import Excerpt, open_excerpt
from ...errors import BusyError, DoneError, OutputError, UnmixError
from ...models.interface import Progress
from ...words import display, sentence_of
from ..listening import missing_page
from ..order import Order
from ..results import Result, Skipped
from .interface import Began, Job

if TYPE_CHECKING:
    from ...stems.destination import Destination
    from ..separator import Separator

log = logging.getLogger("unmixcli")

Watch = Callable[[Excerpt], AbstractContextManager[Progress]]


def separate_one(
    job: Job,
    load: Callable[[Order], Separator],
    watch: Watch,
    began: Began = lambda job: None,
) -> Result:
    """Separate one recording.

    Parameters
    ----------
    job : Job
    load : callable
        Takes the order and returns the separator, which it may have kept.
    watch : callable
        Takes the opened recording, and returns a context manager that yields the
        callback for its progress.
    began : callable, optional
        Takes the job, when its model is loaded.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    """
    config, destination = job.order.config, job.destination
    try:
        recording = open_excerpt(
            destination.recording,
            config.start,
            config.duration,
            config.temp_dir,
            destination.content,
        )
    except Exception as error:
        return failure(job.found.path, error)
    separator = load(job.order)  # without a model there is no going on
    began(job)
    try:
        with watch(recording) as progress:
            return separator.separate_file(recording, progress, destination=destination)
    except DoneError:
        return skipped(job.order, destination)
    except OutputError as error:
        # The same stems may be there by now: of a worker that died before it could say so.
        if isinstance(error, BusyError) or destination.missing(job.order.recipe) is not None:
            return error
        return skipped(job.order, destination)
    except Exception as error:
        return failure(job.found.path, error)


def skipped(order: Order, destination: Destination) -> Skipped:
    """Return the result for a recording whose stems exist, and complete what goes with them."""
    destination.tidy()
    return Skipped(destination.stems, missing_page(order, destination))


def failure(recording: Path, error: Exception) -> UnmixError:
    """Put an error into words: a bug or a strange file must not stop the batch."""
    if isinstance(error, UnmixError):
        return error
    log.debug("separating failed", exc_info=error)
    return UnmixError(f"{display(recording)} could not be separated: {sentence_of(error)}")
