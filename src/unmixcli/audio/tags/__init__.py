"""Tags in all formats: read once from the recording, written to each stem."""

from __future__ import annotations

from .reading import Cover, Tags, read_tags
from .writing import info_strings, write_tags

__all__ = ["Cover", "Tags", "info_strings", "read_tags", "write_tags"]
