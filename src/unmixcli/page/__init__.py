"""A page to listen on: the stems of a track in step, in one file that needs no network."""

from .page import PAGE_NAME, write_page

__all__ = ["PAGE_NAME", "write_page"]
