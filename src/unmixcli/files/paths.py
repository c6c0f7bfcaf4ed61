"""Where this program keeps things on this machine, and what the environment says of it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

APP = "unmixcli"


def data_dir() -> Path:
    """Return the folder of the weights: ``UNMIX_HOME``, or the user's data folder."""
    return _home() or platformdirs.user_data_path(APP, appauthor=False)


def config_dir() -> Path:
    """Return the folder of the user's catalogue: ``UNMIX_HOME``, or the user's config folder."""
    return _home() or platformdirs.user_config_path(APP, appauthor=False)


def weights_dir() -> Path:
    """Return the root of the weights store."""
    return data_dir() / "weights"


def user_catalogue() -> Path:
    """Return where a user describes models of their own; the file need not exist."""
    return config_dir() / "models.toml"


def expand(path: str | Path) -> Path:
    """Replace a leading ``~``, where it stands for a folder that there is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # the home of a user who does not exist
        return Path(path)


def offline() -> bool:
    """Tell whether ``UNMIX_OFFLINE`` forbids the network."""
    return os.environ.get("UNMIX_OFFLINE", "").strip().lower() not in (
        "",
        "0",
        "false",
        "no",
        "off",
    )


def _home() -> Path | None:
    home = os.environ.get("UNMIX_HOME", "").strip()
    return expand(home).absolute() if home else None
