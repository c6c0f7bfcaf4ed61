"""Checkpoints as their authors publish them: a file of tensors with a YAML file beside it.

The layout is that of Music-Source-Separation-Training and of UVR: sections
``audio``, ``model``, ``training`` and ``inference``. A family's ``folder_card``
asks `find_in_folder`, looks at ``config.architecture``, and hands `make_card`
the parameters that its own cards have.
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
