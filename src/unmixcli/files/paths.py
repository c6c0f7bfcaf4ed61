"""The folders that this program uses, and the environment variables that change them."""

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


def library_dir() -> Path:
    """Return the folder of the studio's songs: in ``UNMIX_HOME``, or in the user's music folder."""
    home = _home()
    return home / "studio" if home else platformdirs.user_music_path() / "unmix"


def user_catalogue() -> Path:
    """Return the path of the user's catalogue; the file may not exist."""
    return config_dir() / "models.toml"


def expand(path: str | Path) -> Path:
    """Replace a leading ``~`` if that home folder is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # the home of an unknown user
        return Path(path)


def exists(path: Path) -> bool:
    """Return whether the path exists; False for invalid file names."""
    return os.path.exists(path)  # noqa: PTH110


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; False for invalid file names."""
    return os.path.isdir(path)  # noqa: PTH112


def real(path: Path) -> Path:
    """Resolve links as far as possible; a loop of links stays as it is."""
    return Path(os.path.realpath(path))


def identity(path: Path) -> tuple[int, int] | None:
    """Return what two names of one file share, or None if there is no such file."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino


def offline() -> bool:
    """Return whether ``UNMIX_OFFLINE`` forbids the network."""
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
