"""A page to listen on: the stems of a track in step, in one file that needs no network."""

from .facts import About
from .page import page_path, write_page

__all__ = ["About", "page_path", "write_page"]
