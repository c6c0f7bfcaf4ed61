"""The page to listen on that belongs to a recording's stems."""

from __future__ import annotations

from pathlib import Path

from ..page import About, page_path, write_page
from ..stems.destination import Destination
from .order import Order


def make_page(order: Order, destination: Destination) -> Path:
    """Write the page of stems that exist, and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    InputError
        If a stem cannot be read.
    """
    page = page_path(destination.stems)
    about = About(destination.recording, destination.tags, order.card, order.settings)
    write_page(page, destination.stems, about)
    return page


def missing_page(order: Order, destination: Destination) -> Path | None:
    """Write the page of stems that were made before, if it is asked for and not there."""
    if not order.config.page or page_path(destination.stems).exists():
        return None
    return make_page(order, destination)
