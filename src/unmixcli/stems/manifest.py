"""The record of how stems were made, kept in a file beside them.

`Manifest` is a small JSON file with one entry for each separation whose stems
exist. An entry is written just before the stems get their final names and
closed just after. An entry that is still open shows that a process died in
between, and which files it wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..files.documents import DocumentError, read_json
from ..files.hashing import sha256_of
from ..files.parts import Part, is_locked, sweep
from ..words import display
from .recipe import Recipe

MANIFEST = "unmix.json"
"""The end of every manifest's name; the name starts with a dot."""

VERSION = 1


@dataclass(frozen=True)
class Source:
    """The facts that identify a recording."""

    name: str
    size: int
    modified: int
    """Nanoseconds; 0 if unknown."""
    path: Path | None = None
    digest: str = ""
    by_content: bool = False
    """Whether to compare the bytes, even if size and time are the same."""

    @classmethod
    def of(cls, path: Path, by_content: bool = False) -> Source:
        """Describe a file; it is hashed only when needed.

        Raises
        ------
        OSError
            If the file cannot be examined.
        """
        facts = path.stat()
        return cls(path.name, facts.st_size, facts.st_mtime_ns, path, by_content=by_content)

    def sha256(self) -> str:
        """Return the digest of the recording's bytes."""
        return self.digest or (sha256_of(self.path) if self.path else "")

    def is_same(self, made: Any) -> bool:
        """Return whether an entry was made from this recording."""
        if not isinstance(made, dict) or made.get("size") != self.size:
            return False
        if not self.by_content and self.modified and made.get("modified") == self.modified:
            return True
        return made.get("sha256") == self.sha256()

    def facts(self) -> dict[str, Any]:
        """Return the facts to store in an entry.

        Raises
        ------
        InputError
            If the recording was changed since it was opened: part of the stems
            may be of the old one, part of the new one.
        """
        if self.path is not None:
            now = self.path.stat()
            if (now.st_size, now.st_mtime_ns) != (self.size, self.modified):
                raise InputError(
                    f"{display(self.path)} was changed while it was being separated; "
                    "no stem was kept, run the same command again"
                )
        return {
            "name": self.name,
            "size": self.size,
            "modified": self.modified,
            "sha256": self.sha256(),
        }


class Manifest:
    """The entries about the stems in one folder, read again for each query.

    Parameters
    ----------
    path : Path
        Of the file, which may not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def missing(self, recipe: Recipe, source: Source, stems: Mapping[str, Path]) -> str | None:
        """Say why stems are not up to date, or return None if they are.

        They are up to date if all exist in full size and were made from the
        same recording by the same recipe.
        """
        if not any(path.exists() for path in stems.values()):
            return "not made yet"
        names = {self._name(path) for path in stems.values()}
        entry = next((e for e in _read(self.path) if names <= set(e["stems"])), None)
        if entry is None:
            return "made by hand or by another program"
        if not entry.get("done") and not self._all_placed(entry):
            return "only half written"
        if difference := recipe.difference(entry):
            return f"made {difference}"
        for path in stems.values():
            if _size(path) != entry["stems"][self._name(path)].get("size"):
                return f"changed since: {path.name}"
        return None if source.is_same(entry.get("source")) else "made from another recording"

    def about(self, stems: Iterable[Path]) -> dict[str, Any]:
        """Return the entry about these stems; empty if there is none."""
        names = {self._name(path) for path in stems}
        return next((e for e in _read(self.path) if names <= set(e["stems"])), {})

    def made_of(self, stems: Iterable[Path]) -> str:
        """Return the name of the recording that these stems are of; empty if unknown."""
        source = self.about(stems).get("source")
        return str(source.get("name", "")) if isinstance(source, dict) else ""

    def measured(self, stems: Iterable[Path]) -> dict[str, Any]:
        """Return what was measured while these stems were made."""
        measured = self.about(stems).get("measured")
        return measured if isinstance(measured, dict) else {}

    def _all_placed(self, entry: Mapping[str, Any]) -> bool:
        """Return whether all files of an open entry are in place: only closing it was missed."""
        folder = self.path.parent
        try:
            return all(
                facts == _facts((folder / name).lstat()) and not is_locked(folder / name)
                for name, facts in entry["stems"].items()
            )
        except OSError:
            return False

    def half_made(self, stems: Iterable[Path]) -> set[Path]:
        """Return the stems that a dead process left from an incomplete set."""
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
    def entry(
        self,
        recipe: Recipe,
        source: Source,
        parts: Mapping[Path, Path],
        measured: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Record a set of stems; rename the files inside the context.

        Parameters
        ----------
        recipe : Recipe
        source : Source
        parts : mapping of Path to Path
            The final path of each stem, and its temporary path.
        measured : mapping, optional
            What was measured while they were made.

        Raises
        ------
        OutputError
            If the record cannot be written.
        """
        try:
            stems = {self._name(path): _facts(part.lstat()) for path, part in parts.items()}
            made: dict[str, Any] = {"model": recipe.model, "weights": recipe.weights}
            made |= {"options": dict(recipe.options), "model_options": dict(recipe.model_options)}
            made |= {"source": source.facts(), "stems": stems}
            if measured:
                made["measured"] = dict(measured)
        except OSError as error:
            raise self._failure(error) from None
        # Drop the entries about files that are being replaced or are gone.
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
    """Return all stems that the manifests in a folder list."""
    return {
        folder / name
        for path in folder.glob(f".*{MANIFEST}")
        for entry in _read(path)
        for name in entry["stems"]
    }


def model_of(stems: Iterable[Path]) -> str:
    """Return the model that the records name for these stems; empty if none or several do."""
    wanted = set(stems)
    found = {
        str(entry.get("model", ""))
        for folder in {path.parent for path in wanted}
        for path in folder.glob(f".*{MANIFEST}")
        for entry in _read(path)
        if wanted & {folder / name for name in entry["stems"]}
    }
    return found.pop() if len(found) == 1 else ""


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the entries; an invalid file has none."""
    try:
        content = read_json(path)
    except (OSError, DocumentError):
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
