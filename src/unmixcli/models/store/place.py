"""Where a file of the store is, and whether it is intact."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import ModelError
from ..cards import Weights
from .digest import Expected, Hasher, hash_file, record_line
from .files import write_small

State = Literal["here", "partial", "missing"]


@dataclass(frozen=True)
class Place:
    """The paths of one file of one model."""

    folder: Path
    """The model's folder in the store."""
    model: str
    weights: Weights

    @property
    def managed(self) -> bool:
        """Whether the file belongs to the store, so that it can be downloaded and removed."""
        return self.weights.local is None

    @property
    def final(self) -> Path:
        return self.weights.local or self.folder / self.weights.file

    # Names in a catalogue cannot begin with a dot, so these cannot clash with weights.

    @property
    def part(self) -> Path:
        return self.folder / f".{self.weights.file}.part"

    @property
    def part_notes(self) -> Path:
        return self.folder / f".{self.weights.file}.part.json"

    @property
    def record(self) -> Path:
        return self.folder / f".{self.weights.file}.sha256"

    @property
    def lock(self) -> Path:
        return self.folder / f".{self.weights.file}.lock"

    def expected(self) -> Expected:
        return Expected.of(self.weights, self.record if self.managed else None)

    def state(self) -> State:
        """Return whether the file is here, without hashing it."""
        try:
            size = self.final.stat().st_size
        except OSError:
            return "partial" if self.managed and self.part.is_file() else "missing"
        return "here" if size == (self.weights.size or size) else "partial"

    def wrong(self) -> str | None:
        """Compare the file with its digest; say what is wrong, or return None.

        Records the full digest if the catalogue does not have it.

        Raises
        ------
        ModelError
            If the file cannot be read.
        """
        expected = self.expected()
        if not self.managed and not expected.known:
            return None  # a user's own file, which may change during training
        try:
            if wrong := expected.wrong_size(self.final.stat().st_size):
                return wrong
            found = hash_file(self.final, expected.hasher())
        except OSError as error:
            raise ModelError(f"cannot read {self.final}: {error.strerror}") from None
        wrong = expected.mismatch(found)
        if wrong is None:
            with suppress(OSError):  # a read-only store works without the record
                self.learn(expected, found)
        return wrong

    def learn(self, expected: Expected, found: Hasher) -> None:
        """Record the full digest of an intact file, if it was unknown."""
        if self.managed and not expected.complete:
            write_small(self.record, record_line(found.sha256, self.weights.file))
