"""What the program keeps on this machine: folders, plugins and models."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..files import paths
from ..files.scratch import default_directory
from ..models.known import Resolved
from ..models.registry import Registry
from ..models.store import Store
from ..words import display
from .finding import Finding

_LITTLE_ROOM = 1_000_000_000


def folders() -> Iterator[Finding]:
    """Look at where things are kept and how much room there is."""
    remedy = "set UNMIX_HOME to a folder that can be written"
    yield examine_folder("weights", paths.weights_dir(), remedy)
    catalogue = paths.user_catalogue()
    missing = "" if catalogue.exists() else ", which does not exist and need not"
    yield Finding.of("folders", "catalogue", "good", f"{display(catalogue)}{missing}")
    yield examine_folder("temporary", default_directory(), "set TMPDIR, or use --temp-dir")
    if paths.offline():
        detail = "is set: nothing is ever fetched"
        yield Finding.of("folders", "UNMIX_OFFLINE", "note", detail, "unset UNMIX_OFFLINE")


def examine_folder(name: str, folder: Path, remedy: str) -> Finding:
    """Tell whether a folder can be written, or made, and how much room it has."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    shown = display(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding.of("folders", name, "broken", f"{shown} cannot be written", remedy)
    free = shutil.disk_usage(there).free
    detail = f"{shown}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_ROOM:
        return Finding.of("folders", name, "note", detail, f"make room, or {remedy}")
    return Finding.of("folders", name, "good", detail)


def plugins() -> Iterator[Finding]:
    """Name the plugins that work and those that were left out."""
    registry = Registry()
    for plugin, count in Counter(known.card.plugin for known in registry.models).items():
        models = f"{count} model{'s' if count > 1 else ''}"
        yield Finding.of("plugins", plugin, "good", models)
    for problem in registry.problems:
        own = problem.source == "your catalogue"
        remedy = "correct it there" if own else "update or uninstall that package"
        yield Finding.of("plugins", problem.source, "broken", problem.reason, remedy)


def models() -> Iterator[Finding]:
    """Verify the weights that are here."""
    registry = Registry()
    found = [finding for known in registry.models if (finding := _model(registry.store, known))]
    yield from found
    if not found:
        detail = "no weights are here; a separation fetches those that it needs"
        yield Finding.of("models", "none", "note", detail)


def _model(store: Store, known: Resolved) -> Finding | None:
    """Verify one model; None if nothing of it is here."""
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
        detail = f"here in part, without {', '.join(missing)}"
        return Finding.of("models", name, "note", detail, remedy)
    size = sum(check.path.stat().st_size for check in checks) / 1e6
    known_digests = all(check.status == "good" for check in checks)
    verified = "verified" if known_digests else "of which no digest is known"
    return Finding.of("models", name, "good", f"here and {verified}, {size:.0f} MB")
