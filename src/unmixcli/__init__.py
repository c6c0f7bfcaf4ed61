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
    from .options.config import SeparationConfig
    from .separation.separator import SeparatedTrack, Separator, separate

    __version__: str

__all__ = [
    "SeparatedTrack",
    "SeparationConfig",
    "Separator",
    "UnmixError",
    "__version__",
    "separate",
]

_HOMES = {
    "SeparatedTrack": "separation.separator",
    "SeparationConfig": "options.config",
    "Separator": "separation.separator",
    "UnmixError": "errors",
    "separate": "separation.separator",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import unmixcli` stays light."""
    if name == "__version__":
        from importlib.metadata import version

        return version("unmixcli")
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
