"""Checkpoints as their authors publish them: a file of tensors and a YAML file.

The layout is that of Music-Source-Separation-Training and UVR, with the sections
``audio``, ``model``, ``training`` and ``inference``. A family's ``folder_card``
calls `find_in_folder`, checks ``config.architecture``, and calls `make_card` with
the parameters of its own cards.
"""

from .config import Architecture, PublishedConfig, read_published
from .folder import find_beside, find_in_folder, make_card

__all__ = [
    "Architecture",
    "PublishedConfig",
    "find_beside",
    "find_in_folder",
    "make_card",
    "read_published",
]
