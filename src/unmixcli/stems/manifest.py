"""The record of how stems were made, kept beside them, and what follows from it.

`Manifest` is a small JSON file with one entry for each separation whose stems
are there. An entry is written just before the stems take their names and
closed just after, so an entry that is still open tells of a process that died
in between and which of the files were its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..files.parts import Part, is_locked, sweep
from ..models.cards import ModelCard
from ..models.store import Store
from ..options.config import SeparationConfig
from ..words import display

MANIFEST = "unmix.json"
"""How the names of manifests end; they begin with a dot."""

VERSION = 1

_WITHOUT_EFFECT = frozenset(
    (
        "model", "device", "temp_dir", "offline", "outdir", "filename", "page", "overwrite",
        "skip_existing",
    )
)  # fmt: skip
"""Fields of the config that change nothing in the stems; the model has an entry of its own."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what the stems of a recording are.

    Attributes
    ----------
    model : str
    weights : str
        Digest of the card and the weights.
    options : mapping
    stems : tuple of str
    """

    model: str
    weights: str
    options: Mapping[str, Any]
    stems: tuple[str, ...]

    @classmethod
    def of(
        cls, config: SeparationConfig, card: ModelCard, targets: Iterable[str], stems: Iterable[str]
    ) -> Recipe:
        """Describe what a config does with a model whose weights are here."""
        options = config.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT))
        options["targets"] = list(targets)
        return cls(card.name, identify(card, tuple(targets)), options, tuple(stems))

    def difference(self, entry: Mapping[str, Any]) -> str | None:
        """Say in what an entry differs, or None if it is of the same recipe."""
        if entry.get("model") != self.model:
            return f"with the model {entry.get('model')}"
        if entry.get("weights") != self.weights:
            return f"with other weights of {self.model}"
        made = entry.get("options")
        made = made if isinstance(made, dict) else {}
        for name, value in self.options.items():
            if made.get(name) != value:
                return f"with {name} {_shown(made.get(name))} instead of {_shown(value)}"
        return None


@dataclass(frozen=True)
class Source:
    """A recording as far as it decides what its stems are."""

    name: str
    size: int
    modified: int
    """Nanoseconds; 0 if not known."""
    path: Path | None = None
    digest: str = ""

    @classmethod
    def of(cls, path: Path) -> Source:
        """Describe a file; it is hashed when that is needed.

        Raises
        ------
        OSError
            If it cannot be looked at.
        """
        facts = path.stat()
        return cls(path.name, facts.st_size, facts.st_mtime_ns, path)

    def sha256(self) -> str:
        """Return the digest of its bytes."""
        return self.digest or (hash_file(self.path) if self.path else "")

    def is_same(self, made: Any) -> bool:
        """Compare with what an entry says of the recording it was made from."""
        if not isinstance(made, dict) or made.get("size") != self.size:
            return False
        if self.modified and made.get("modified") == self.modified:
            return True
        return made.get("sha256") == self.sha256()

    def facts(self) -> dict[str, Any]:
        """Return what an entry is to say."""
        return {
            "name": self.name,
            "size": self.size,
            "modified": self.modified,
            "sha256": self.sha256(),
        }


class Manifest:
    """The entries about the stems in one place, read anew for each question.

    Parameters
    ----------
    path : Path
        Of the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def missing(self, recipe: Recipe, source: Source, stems: Mapping[str, Path]) -> str | None:
        """Say why stems cannot pass for done, or None if they are.

        They are if all are there in their full size, and were made from the
        same recording by the same recipe.
        """
        if not any(path.exists() for path in stems.values()):
            return "not made yet"
        names = {self._name(path) for path in stems.values()}
        entry = next((e for e in _read(self.path) if names <= set(e["stems"])), None)
        if entry is None:
            return "made by hand or by another program"
        if not entry.get("done"):
            return "half made"
        if difference := recipe.difference(entry):
            return f"made {difference}"
        for path in stems.values():
            if _size(path) != entry["stems"][self._name(path)].get("size"):
                return f"changed since: {path.name}"
        return None if source.is_same(entry.get("source")) else "made from another recording"

    def half_made(self, stems: Iterable[Path]) -> set[Path]:
        """Return those of the files that a process which died left of a set."""
        left = set()
        for entry in _read(self.path):
            if entry.get("done"):
                continue
            for path in stems:
                facts = entry["stems"].get(self._name(path))
                try:
                    now = path.lstat()
                except OSError:
                    continue
                if facts == _facts(now) and not is_locked(path):
                    left.add(path)
        return left

    @contextmanager
    def entry(self, recipe: Recipe, source: Source, parts: Mapping[Path, Path]) -> Iterator[None]:
        """Record that finished files take their names while in the context.

        Parameters
        ----------
        recipe : Recipe
        source : Source
        parts : mapping of Path to Path
            Where each stem goes, and where it is until then.

        Raises
        ------
        OutputError
            If the record cannot be written.
        """
        try:
            stems = {self._name(path): _facts(part.lstat()) for path, part in parts.items()}
            made: dict[str, Any] = {"model": recipe.model, "weights": recipe.weights}
            made |= {"options": dict(recipe.options), "source": source.facts(), "stems": stems}
        except OSError as error:
            raise self._failure(error) from None
        # What was known of files that are replaced is no longer true, nor of those that are gone.
        kept = [
            old
            for old in _read(self.path)
            if not set(old["stems"]) & set(stems)
            and any((self.path.parent / name).exists() for name in old["stems"])
        ]
        self._write([*kept, {"done": False} | made])
        try:
            yield
        except BaseException:
            with contextlib.suppress(OutputError):
                self._write(kept)
            raise
        self._write([*kept, {"done": True} | made])

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.path.parent).replace(os.sep, "/")

    def _write(self, entries: list[dict[str, Any]]) -> None:
        try:
            if not entries:
                self.path.unlink(missing_ok=True)
                return
            sweep(self.path)
            part = Part(self.path)
            try:
                content = {"version": VERSION, "made": entries}
                part.path.write_text(json.dumps(content, indent=1), encoding="ascii")
                part.put(self.path, overwrite=True)
            finally:
                part.discard()
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{display(self.path)} cannot be written: {error.strerror}; "
            "choose another folder with --outdir"
        )


def stems_in(folder: Path) -> set[Path]:
    """Return the files that the manifests in a folder call stems."""
    return {
        folder / name
        for path in folder.glob(f".*{MANIFEST}")
        for entry in _read(path)
        for name in entry["stems"]
    }


def identify(card: ModelCard, targets: tuple[str, ...]) -> str:
    """Return a digest of a model: of its card and of the weights that the targets need.

    Empty if a file is not here and no digest of it is known.
    """
    store = Store()
    facts = card.model_dump(mode="json", include={"plugin", "sample_rate", "channels"})
    facts["parameters"] = json.loads(json.dumps(card.parameters, default=str))
    facts["weights"] = {}
    for weights in card.files_for(targets):
        place = store.place(card, weights)
        expected = place.expected()
        try:
            digest = expected.sha256 or expected.sha512 or hash_file(place.final)
        except OSError:
            return ""
        facts["weights"][weights.file] = digest
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the entries; a file that makes no sense has none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(content, dict) or content.get("version") != VERSION:
        return []
    made = content.get("made")
    entries = made if isinstance(made, list) else []
    return [
        entry
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("stems"), dict)
        and all(isinstance(facts, dict) for facts in entry["stems"].values())
    ]


def _facts(stat: os.stat_result) -> dict[str, int]:
    return {"size": stat.st_size, "modified": stat.st_mtime_ns}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
