"""Take a mixed recording apart into stems.

>>> import unmixcli
>>> separator = unmixcli.Separator(model="umxhq", niter=0)       # doctest: +SKIP
>>> separator.separate_file("song.flac").stems                   # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import UnmixError
    from .models.listing import list_models
    from .options.config import SeparationConfig
    from .separation.compatible import separate
    from .separation.results import SeparatedTrack
    from .separation.separator import Separator

    __version__: str

__all__ = [
    "SeparatedTrack",
    "SeparationConfig",
    "Separator",
    "UnmixError",
    "__version__",
    "list_models",
    "separate",
]

_HOMES = {
    "SeparatedTrack": "separation.results",
    "SeparationConfig": "options.config",
    "Separator": "separation.separator",
    "UnmixError": "errors",
    "list_models": "models.listing",
    "separate": "separation.compatible",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import unmixcli` stays fast."""
    if name == "__version__":
        from importlib.metadata import version

        return version("unmixcli")
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
