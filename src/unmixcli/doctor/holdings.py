"""Check the program's folders, plugins and models on this machine."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..files import paths
from ..files.scratch import default_directory
from ..models.known import KnownModel
from ..models.registry import Registry
from ..models.store import Store
from ..words import display
from .finding import Finding

_LITTLE_ROOM = 1_000_000_000


def folders() -> Iterator[Finding]:
    """Check the folders and their free space."""
    remedy = "set UNMIX_HOME to a folder that you can write to"
    yield examine_folder("weights", paths.weights_dir(), remedy)
    catalogue = paths.user_catalogue()
    missing = "" if catalogue.exists() else ", which does not exist (it is optional)"
    yield Finding.of("folders", "catalogue", "good", f"{display(catalogue)}{missing}")
    yield examine_folder("temporary", default_directory(), "set TMPDIR, or use --temp-dir")
    if paths.offline():
        detail = "is set: nothing is ever downloaded"
        yield Finding.of("folders", "UNMIX_OFFLINE", "note", detail, "unset UNMIX_OFFLINE")


def examine_folder(name: str, folder: Path, remedy: str) -> Finding:
    """Check whether a folder can be written to or created, and its free space."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    shown = display(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding.of("folders", name, "broken", f"{shown} cannot be written", remedy)
    free = shutil.disk_usage(there).free
    detail = f"{shown}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_ROOM:
        return Finding.of("folders", name, "note", detail, f"free some space, or {remedy}")
    return Finding.of("folders", name, "good", detail)


def plugins() -> Iterator[Finding]:
    """List the plugins that work and those that do not."""
    registry = Registry()
    for plugin, count in Counter(known.card.plugin for known in registry.models).items():
        models = f"{count} model{'s' if count > 1 else ''}"
        yield Finding.of("plugins", plugin, "good", models)
    for problem in registry.problems:
        own = problem.source == "your catalogue"
        remedy = "correct it in that file" if own else "update or uninstall that package"
        yield Finding.of("plugins", problem.source, "broken", problem.reason, remedy)


def models() -> Iterator[Finding]:
    """Verify the downloaded weights."""
    registry = Registry()
    found = [finding for known in registry.models if (finding := _model(registry.store, known))]
    yield from found
    if not found:
        detail = "no weights downloaded; a separation downloads those that it needs"
        yield Finding.of("models", "none", "note", detail)


def _model(store: Store, known: KnownModel) -> Finding | None:
    """Verify one model; return None if none of its files is here."""
    name = known.card.name
    checks = store.verify(known.card)
    if all(check.status == "missing" for check in checks):
        return None
    damaged = [f"{check.file} {check.reason}" for check in checks if check.status == "damaged"]
    missing = [check.file for check in checks if check.status == "missing"]
    remedy = f"unmix models fetch {name}"
    if damaged:
        return Finding.of("models", name, "broken", "; ".join(damaged), remedy)
    if missing:
        detail = f"incomplete, without {', '.join(missing)}"
        return Finding.of("models", name, "note", detail, remedy)
    size = sum(check.path.stat().st_size for check in checks) / 1e6
    known_digests = all(check.status == "good" for check in checks)
    verified = "verified" if known_digests else "not verifiable (no digest is known)"
    return Finding.of("models", name, "good", f"downloaded and {verified}, {size:.0f} MB")
