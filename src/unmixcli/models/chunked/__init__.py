"""What the families share that read a track in chunks and publish one checkpoint each.

`parameters` is light: the options, and what a card says of chunks. `sizing`
reads the sizes of a network off its tensors, and `loading` makes a model of it.
"""

from .parameters import ChunkParameters, Options

__all__ = ["ChunkParameters", "Options"]
