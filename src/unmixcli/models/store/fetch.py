"""Download files into the store: several in parallel, each by one process only."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ModelError
from ..cards import ModelCard, Weights
from .digest import Hasher
from .files import locked, place, storage_error
from .place import Place
from .policy import Policy


@dataclass(frozen=True)
class FetchEvent:
    """The progress of one file, or a note about it."""

    model: str
    file: str
    done: int = 0
    """Bytes so far."""
    total: int | None = None
    """Bytes in total, if known."""
    note: str = ""
    """A sentence for the user, about a pause or a restricted licence; empty for progress."""


Report = Callable[[FetchEvent], None]
"""Takes the events of all files; called from several threads, but never in parallel."""


def silent(event: FetchEvent) -> None:
    """Ignore an event."""


@dataclass(frozen=True)
class Outcome:
    """The result for one file."""

    card: ModelCard
    weights: Weights
    path: Path | None = None
    fetched: int = 0
    """Its size if it was downloaded now, 0 if it was already here."""
    error: Exception | None = None


class Fetcher:
    """Downloads the files of one call; shows each licence notice once.

    Parameters
    ----------
    policy : Policy
        How long to wait for servers.
    offline : bool
        Use only files that are already here.
    force : bool
        Download even if the file is here and intact.
    report : callable
        Takes events.
    """

    def __init__(self, policy: Policy, offline: bool, force: bool, report: Report) -> None:
        self._policy = policy
        self._offline = offline
        self._force = force
        self._report = report
        self._reporting = threading.Lock()
        self._restrictions_told: set[str] = set()
        self._cancelled = threading.Event()

    def run(self, jobs: Sequence[tuple[ModelCard, Place]]) -> list[Outcome]:
        """Get every file, even if others fail; return the results in the order of ``jobs``."""
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        for index in range(len(jobs)):
            todo.put(index)

        def work() -> None:
            while not self._cancelled.is_set():
                try:
                    index = todo.get_nowait()
                except queue.Empty:
                    return
                done.put((index, self._outcome(*jobs[index])))

        # Daemons, so that an interrupt does not wait for a silent server.
        for _ in range(min(self._policy.parallel, len(jobs))):
            threading.Thread(target=work, daemon=True, name="unmix-fetch").start()
        outcomes: dict[int, Outcome] = {}
        try:
            while len(outcomes) < len(jobs):
                try:
                    # Wait in short steps: on Windows a long wait cannot be interrupted.
                    index, outcome = done.get(timeout=0.5)
                except queue.Empty:
                    continue
                outcomes[index] = outcome
        finally:
            self._cancelled.set()
        return [outcomes[index] for index in range(len(jobs))]

    def _outcome(self, card: ModelCard, spot: Place) -> Outcome:
        try:
            fetched = self._get(card, spot)
        except Exception as error:
            return Outcome(card, spot.weights, error=error)
        return Outcome(card, spot.weights, path=spot.final, fetched=fetched)

    def _get(self, card: ModelCard, spot: Place) -> int:
        """Make sure that the file is here and intact; return the number of bytes downloaded."""
        wrong = self._look(spot)
        if not spot.managed:
            if wrong:
                raise ModelError(f"{spot.final}, which {card.name} needs, {wrong}")
            return 0
        if wrong is None and not self._force:
            return 0
        if self._offline:
            raise ModelError(
                f"{card.name} needs {spot.weights.file}, which {wrong or 'must be fetched again'}, "
                "and --offline or UNMIX_OFFLINE forbids downloading it: run "
                f"`unmix models fetch {card.name}` when you have a network, or "
                "`unmix models add FILE` with a copy of the file"
            )
        if wrong != _MISSING and wrong is not None:
            self._tell(card, spot, f"{spot.weights.file} {wrong}; downloading it again")
        try:
            spot.folder.mkdir(parents=True, exist_ok=True)
            with locked(
                spot.lock,
                lambda: self._tell(card, spot, "another process is downloading it; waiting"),
                self._cancelled,
            ):
                # The process that held the lock may have downloaded it meanwhile.
                if not self._force and self._look(spot) is None:
                    return 0
                return self._fetch(card, spot)
        except OSError as error:
            raise storage_error(error, spot.folder, spot.weights.file) from None

    def _look(self, spot: Place) -> str | None:
        return spot.wrong() if spot.final.is_file() else _MISSING

    def _fetch(self, card: ModelCard, spot: Place) -> int:
        with self._reporting:
            restricted = card.restriction and card.name not in self._restrictions_told
            self._restrictions_told.add(card.name)
        if restricted:
            self._tell(card, spot, card.restriction)
        # Imported here: the HTTP client is slow to import and rarely needed.
        from .download import Download, open_client
        from .fault import fetch_error

        weights = spot.weights
        expected = spot.expected()
        with open_client(self._policy) as client:
            download = Download(
                urls=weights.urls,
                part=spot.part,
                expected=expected,
                about=weights.size or weights.about_size,
                advance=lambda done, total: self._send(
                    FetchEvent(card.name, weights.file, done, total or weights.about_size)
                ),
                tell=lambda note: self._tell(card, spot, f"{weights.file}: {note}"),
                cancelled=self._cancelled,
                client=client,
                policy=self._policy,
            )
            if self._force:
                download.discard()
            found = download.run()
        if found is None:
            raise fetch_error(card.name, weights.file, download.faults)
        self._tell_doubt(card, spot, found)
        # First what the file must be, then the file: a crash in between loses nothing.
        spot.learn(expected, found)
        place(spot.part, spot.final)
        spot.part_notes.unlink(missing_ok=True)
        return found.size

    def _tell_doubt(self, card: ModelCard, spot: Place, found: Hasher) -> None:
        """Say how little is known of a file that is fetched for the first time."""
        if spot.expected().complete:
            return
        prefix = spot.weights.sha256_prefix
        known = f"only {len(prefix)} digits of its SHA-256 are" if prefix else "no digest of it is"
        self._tell(
            card,
            spot,
            f"{spot.weights.file}: {known} published; from now on it must be the file that came "
            f"just now, sha256 {found.sha256}",
        )

    def _tell(self, card: ModelCard, spot: Place, note: str) -> None:
        self._send(FetchEvent(card.name, spot.weights.file, note=note))

    def _send(self, event: FetchEvent) -> None:
        with self._reporting:
            if not self._cancelled.is_set():
                self._report(event)


_MISSING = "is not on this machine"
