"""The interface of the store to the rest of the program."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import InputError, ModelError
from ...files import paths
from ..cards import ModelCard, Weights
from .digest import CHUNK, Hasher, hash_file
from .fetch import Fetcher, Outcome, Report, silent
from .files import locked, place, storage_error
from .place import Place
from .policy import Policy


@dataclass(frozen=True)
class FileCheck:
    """The result of `Store.verify` for one file."""

    file: str
    path: Path
    status: Literal["good", "damaged", "missing", "unknown"]
    """Unknown: no digest of the file is known."""
    reason: str = ""


@dataclass(frozen=True)
class Added:
    """Where `Store.add` put a file."""

    source: Path
    model: str
    path: Path


class Store:
    """The weights on this machine.

    Parameters
    ----------
    root : Path, optional
        Its folder; by default in the user's data folder or below
        ``UNMIX_HOME``. It is created when first needed.
    policy : Policy, optional
        How long to wait for servers.
    """

    def __init__(self, root: Path | None = None, policy: Policy | None = None) -> None:
        self.root = root or paths.weights_dir()
        self.policy = policy or Policy()

    def folder(self, card: ModelCard) -> Path:
        """Return the folder of a model's files; it may not exist."""
        return self.root / card.plugin / card.name

    def place(self, card: ModelCard, weights: Weights) -> Place:
        """Return the paths of one of a model's files, which may not exist yet."""
        return Place(self.folder(card), card.name, weights)

    def fetch(
        self,
        wanted: Iterable[tuple[ModelCard, Weights]],
        *,
        offline: bool = False,
        force: bool = False,
        report: Report = silent,
    ) -> list[Outcome]:
        """Download missing and damaged files, several at a time.

        Parameters
        ----------
        wanted : iterable of (ModelCard, Weights)
            The files.
        offline : bool
            Do not use the network; a missing file is an error.
        force : bool
            Download even files that are here and intact.
        report : callable
            Takes a `FetchEvent` whenever there is progress or a note.

        Returns
        -------
        list of Outcome
            One per file, in order. The failure of a file does not stop the others.
        """
        jobs = [(card, self.place(card, weights)) for card, weights in wanted]
        return Fetcher(self.policy, offline or paths.offline(), force, report).run(jobs)

    def ensure(
        self,
        card: ModelCard,
        weights: Sequence[Weights],
        *,
        offline: bool = False,
        report: Report = silent,
    ) -> dict[str, Path]:
        """Return verified local files; download the missing ones.

        Returns
        -------
        dict of str to Path
            Keyed by the file's name in the card.

        Raises
        ------
        ModelError
            If a file is missing, unavailable or damaged.
        """
        found: dict[str, Path] = {}
        for outcome in self.fetch([(card, w) for w in weights], offline=offline, report=report):
            if outcome.error is not None:
                raise outcome.error
            assert outcome.path is not None
            found[outcome.weights.file] = outcome.path
        return found

    def verify(self, card: ModelCard) -> list[FileCheck]:
        """Compare each of a model's files with its digest."""
        return [self._verify(self.place(card, weights)) for weights in card.weights]

    def _verify(self, spot: Place) -> FileCheck:
        file = spot.weights.file
        if not spot.final.is_file():
            return FileCheck(file, spot.final, "missing")
        if not spot.expected().known:
            return FileCheck(file, spot.final, "unknown", "its digest is not known")
        wrong = spot.wrong()
        return FileCheck(file, spot.final, "damaged" if wrong else "good", wrong or "")

    def remove(self, card: ModelCard) -> int:
        """Delete a model's files from the store and return the number of bytes freed.

        Files outside the store are kept. So are recorded digests, because the
        file that is downloaded next time must be the same.

        Raises
        ------
        ModelError
            If a process is downloading one of them, or the store cannot be written.
        """
        freed = 0
        for weights in card.weights:
            spot = self.place(card, weights)
            if not spot.managed or not spot.folder.is_dir():
                continue
            try:
                with locked(spot.lock, lambda: _busy(card), threading.Event()):
                    for path in (spot.final, spot.part, spot.part_notes):
                        if path.is_file():
                            freed += path.stat().st_size
                            path.unlink()
            except OSError as error:
                raise storage_error(error, spot.folder, weights.file) from None
        return freed

    def add(self, source: Path, cards: Iterable[ModelCard]) -> list[Added]:
        """Add a file that was downloaded some other way.

        Parameters
        ----------
        source : Path
            The file, of any name; it is copied.
        cards : iterable of ModelCard
            The models that it may belong to; the digest decides.

        Returns
        -------
        list of Added
            One for each model that has this file.

        Raises
        ------
        ModelError
            If no model has a file with this digest.
        """
        if source.exists() and not source.is_file():
            raise InputError(f"{source} is not a file with weights: it is a folder or a device")
        try:
            found = hash_file(source, Hasher(with_sha512=True))
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror}") from None
        spots = [self.place(card, weights) for card in cards for weights in card.weights]
        spots = [spot for spot in spots if spot.managed]
        fitting = [spot for spot in spots if _fits(spot, found)]
        if not fitting:
            raise _unrecognised(source, found, spots)
        return [Added(source, spot.model, _copy(source, spot)) for spot in fitting]


def _busy(card: ModelCard) -> None:
    raise ModelError(f"another process is downloading {card.name}: try again when it has finished")


def _fits(spot: Place, found: Hasher) -> bool:
    expected = spot.expected()
    return expected.known and expected.mismatch(found) is None


def _unrecognised(source: Path, found: Hasher, spots: Iterable[Place]) -> ModelError:
    for spot in spots:
        wrong = spot.expected().mismatch(found)
        if spot.weights.file == source.name and wrong:
            return ModelError(
                f"{source} has the name of a file of {spot.model}, but {wrong}: "
                "the download or copy is incomplete or damaged. Download it again"
            )
    return ModelError(
        f"{source} is not a file of a known model (its SHA-256 is {found.sha256}); for your "
        f"own weights, add a table with their path to {paths.user_catalogue()}"
    )


def _copy(source: Path, spot: Place) -> Path:
    """Copy a file into its place, and check the digest of the copy."""
    expected = spot.expected()
    copied = expected.hasher()
    try:
        spot.folder.mkdir(parents=True, exist_ok=True)
        with locked(spot.lock, lambda: None, threading.Event()):
            with source.open("rb") as reader, spot.part.open("wb") as writer:
                while data := reader.read(CHUNK):
                    writer.write(data)
                    copied.update(data)
                writer.flush()
                os.fsync(writer.fileno())
            if wrong := expected.mismatch(copied):
                spot.part.unlink()
                raise ModelError(f"{source} changed while it was being copied: now it {wrong}")
            spot.learn(expected, copied)
            place(spot.part, spot.final)
            spot.part_notes.unlink(missing_ok=True)
    except OSError as error:
        spot.part.unlink(missing_ok=True)
        raise storage_error(error, spot.folder, spot.weights.file) from None
    return spot.final
