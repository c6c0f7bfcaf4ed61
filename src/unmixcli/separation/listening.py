"""Write the listening page of a recording's stems."""

from __future__ import annotations

from pathlib import Path

from ..page import About, page_path, write_page
from ..stems.destination import Destination
from .order import Order


def make_page(order: Order, destination: Destination) -> Path:
    """Write the page of existing stems, and return its path.

    Raises
    ------
    OutputError
        If the page cannot be written.
    InputError
        If a stem cannot be read.
    """
    page = page_path(destination.stems)
    gap = destination.manifest.measured(destination.stems.values()).get("gap_db")
    about = About(destination.recording, destination.tags, order.card, order.settings, gap)
    write_page(page, destination.stems, about)
    return page


def missing_page(order: Order, destination: Destination) -> Path | None:
    """Write the page of existing stems, if it is requested and missing."""
    if not order.config.page or page_path(destination.stems).exists():
        return None
    return make_page(order, destination)
