"""Commands that install a package in a version that fits."""

from __future__ import annotations

import re
from importlib import metadata


def install(*names: str, again: bool = False) -> str:
    """Return the pip command that installs packages within the bounds of unmixcli.

    Parameters
    ----------
    *names : str
        Of the packages.
    again : bool
        Whether to replace what is there.
    """
    flag = "--force-reinstall " if again else ""
    return f"pip install {flag}{' '.join(_bounded(name) for name in names)}"


def _bounded(name: str) -> str:
    """Return a requirement, in quotes that every shell understands."""
    try:
        needed = metadata.requires("unmixcli") or []
    except metadata.PackageNotFoundError:
        needed = []
    for requirement in needed:
        plain, _, marker = requirement.partition(";")
        found = re.match(r"[A-Za-z0-9._-]+", plain)
        if found and found[0].lower() == name and not marker:
            return f'"{plain.strip()}"'
    return name
