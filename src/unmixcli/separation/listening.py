"""Write the listening page of a recording's stems."""

from __future__ import annotations

from pathlib import Path

from ..audio.reading import Excerpt, open_excerpt
from ..audio.writing import refuse_existing
from ..models.interface import Progress, ignore
from ..page import About, page_path, write_page
from ..stems.destination import Destination
from .order import Order


def place_of_page(order: Order, destination: Destination) -> Path | None:
    """Return where the page of a recording goes, if one is wanted.

    Raises
    ------
    OutputError
        If it exists and must not be replaced.
    """
    if not order.config.page:
        return None
    page = page_path(destination.stems)
    if not order.config.overwrite:
        refuse_existing([page])
    return page


def make_page(
    order: Order, destination: Destination, mixture: Excerpt, progress: Progress = ignore
) -> Path:
    """Write the page of existing stems, and return its path.

    Parameters
    ----------
    order : Order
    destination : Destination
    mixture : Excerpt
        The recording that the stems are of.
    progress : callable, optional
        Takes the stage and the finished fraction of the page.

    Raises
    ------
    OutputError
        If the page cannot be written.
    InputError
        If a stem or the recording cannot be read.
    """
    page = page_path(destination.stems)
    measured = destination.manifest.measured(destination.stems.values())
    about = About(
        destination.recording,
        destination.tags,
        order.card,
        order.settings,
        measured.get("gap_db"),
        measured.get("gain", 1.0),
    )
    write_page(page, destination.stems, about, mixture, progress)
    return page


def missing_page(order: Order, destination: Destination) -> Path | None:
    """Write the page of existing stems, if it is requested and missing."""
    config = order.config
    if not config.page or page_path(destination.stems).exists():
        return None
    mixture = open_excerpt(
        destination.recording,
        config.start,
        config.duration,
        config.temp_dir,
        destination.content,
    )
    return make_page(order, destination, mixture)
