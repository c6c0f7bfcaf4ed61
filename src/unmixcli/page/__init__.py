"""The listening page: plays the stems of a track in sync, in one file, without a network."""

from .facts import About
from .page import page_path, write_page

__all__ = ["About", "page_path", "write_page"]
