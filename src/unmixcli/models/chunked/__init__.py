"""Shared code of the families that read a track in chunks from one checkpoint.

`parameters` has the options and a card's parameters, and does not need torch.
`sizing` reads the sizes of a network from its tensors, and `loading` turns it
into a model.
"""

from .parameters import ChunkParameters, Options

__all__ = ["ChunkParameters", "Options"]
