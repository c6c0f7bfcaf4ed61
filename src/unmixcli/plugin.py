"""Everything that a plugin may import; any other module may move without notice.

docs/plugins.md is the tutorial. Names that need torch are imported on first
use, so that a plugin can be listed without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import InputError, ModelError, SpoolError, UnmixError, UsageError
from .files.scratch import open_scratch
from .models.cards import ModelCard, Weights
from .models.catalogue import read_catalogue
from .models.interface import Block, Mixture, Model, Plugin, Progress, Request

if TYPE_CHECKING:
    from .models.segmented import (
        Bag,
        ChunkScheme,
        CrossFadeScheme,
        Scheme,
        Segment,
        SegmentedModel,
        TriangleScheme,
    )
    from .models.tensors import read_state

__all__ = [
    "Bag",
    "Block",
    "ChunkScheme",
    "CrossFadeScheme",
    "InputError",
    "Mixture",
    "Model",
    "ModelCard",
    "ModelError",
    "Plugin",
    "Progress",
    "Request",
    "Scheme",
    "Segment",
    "SegmentedModel",
    "SpoolError",
    "TriangleScheme",
    "UnmixError",
    "UsageError",
    "Weights",
    "open_scratch",
    "read_catalogue",
    "read_state",
]

_NEED_TORCH = {
    "Bag": "segmented",
    "ChunkScheme": "segmented",
    "CrossFadeScheme": "segmented",
    "Scheme": "segmented",
    "Segment": "segmented",
    "SegmentedModel": "segmented",
    "TriangleScheme": "segmented",
    "read_state": "tensors",
}


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        return getattr(import_module(f".models.{_NEED_TORCH[name]}", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
