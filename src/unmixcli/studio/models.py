"""The models, as the studio shows them: what there is, what a wish would use, downloads."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import ModelError, UnmixError
from ..models.cards import ModelCard
from ..models.goals import by_effort, goals, is_here, pace_of, rank
from ..models.groups import GROUPS, figure, group_of, recommended, yardstick
from ..models.known import KnownModel
from ..models.registry import Registry
from ..models.store import FetchEvent
from ..separation.device import likely_device
from ..words import sentence_of
from .library import Library
from .records import Wish

Publish = Callable[[str, Any], None]


class LicenceError(UnmixError):
    """A model's licence restricts its use, which the user has not accepted yet."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__(f"{card.name}: {card.restriction}")
        self.card = card


class Models:
    """The catalogue and the store, for the studio.

    Parameters
    ----------
    library : Library
        Knows which licences the user accepted.
    publish : callable
        Takes the kind and the data of an event: ``model``, while one is downloaded.
    """

    def __init__(self, library: Library, publish: Publish) -> None:
        self._library = library
        self._publish = publish
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @functools.cached_property
    def _registry(self) -> Registry:  # when it is needed: the page does not wait for it
        return Registry()

    @functools.cached_property
    def _device(self) -> str:
        return likely_device()

    def goals(self) -> list[dict[str, Any]]:
        """List the goals with their titles."""
        return [{"name": name, "title": goal.title} for name, goal in goals().items()]

    def list(self) -> list[dict[str, Any]]:
        """Describe all models, group by group, the recommended ones first."""
        accepted = self._library.accepted()
        models = self._registry.models
        found = []
        for group in GROUPS:
            members = [known for known in models if group_of(known.card) is group]
            found += [self._shown(known, accepted) for known in recommended(group, members)]
        return found

    def plan(self, wish: Wish) -> dict[str, Any]:
        """Say which model a wish will use.

        Raises
        ------
        UnmixError
            If there is none.
        """
        known, targets, pace = self._choice(wish)
        here = is_here(self._registry, known, targets)
        return self._shown(known, self._library.accepted()) | {
            "here": here,
            "must_accept": self._must_accept(known, here),
            "pace": _finite(pace),
        }

    def allow(self, wish: Wish, accept: bool) -> None:
        """Note that a licence is accepted, if a wish needs that.

        Raises
        ------
        LicenceError
            If it is needed and not given.
        UnmixError
            If no model fits the wish.
        """
        known, targets, _ = self._choice(wish)
        self._accept(known, accept, is_here(self._registry, known, targets))

    def fetch(self, name: str, accept: bool) -> dict[str, Any]:
        """Begin to download a model; events tell how it goes.

        Raises
        ------
        LicenceError
            If its licence has to be accepted first.
        ModelError
            If it is unknown, or being downloaded.
        """
        known = self.named(name)
        self._accept(known, accept, here=False)
        with self._lock:
            if name in self._busy:
                raise ModelError(f"{name} is being downloaded")
            self._busy.add(name)
        threading.Thread(
            target=self._fetch, args=(known,), name="unmix-models", daemon=True
        ).start()
        return self._shown(known, self._library.accepted())

    def verify(self, name: str) -> dict[str, Any]:
        """Compare a model's files with their digests."""
        known = self.named(name)
        checks = [c for card in _own(known) for c in self._registry.store.verify(card)]
        wrong = [check for check in checks if check.status in ("damaged", "missing")]
        return {
            "name": name,
            "good": not wrong,
            "files": [
                {"file": check.file, "status": check.status, "reason": check.reason}
                for check in checks
            ],
        }

    def remove(self, name: str) -> dict[str, Any]:
        """Delete a model's files from this machine."""
        known = self.named(name)
        if known.parts:
            parts = ", ".join(part.card.name for part in known.parts)
            raise ModelError(f"{name} has no files of its own; remove {parts}")
        freed = self._registry.store.remove(known.card)
        return {"name": name, "freed": freed}

    def named(self, name: str) -> KnownModel:
        """Return a model by its name; never by a path, which the client has no business with.

        Raises
        ------
        ModelError
            If there is none.
        """
        for known in self._registry.models:
            if name in (known.card.name, f"{known.card.plugin}:{known.card.name}"):
                return known
        raise ModelError(f"there is no model {name!r}")

    def _choice(self, wish: Wish) -> tuple[KnownModel, tuple[str, ...], float]:
        """Return the model for a wish, the targets it has to estimate, and its pace.

        The worker chooses by the same rule; this must not wait for torch to find the device.
        """
        if wish.goal is None:
            known = self.named(wish.model or "")
            return known, known.pick_targets(()), pace_of(known.card.cost, self._device)
        ranked = rank(self._registry, wish.goal, self._device)
        if not ranked:
            raise ModelError(f"no installed model serves {wish.goal}")
        first = by_effort(ranked, wish.effort)[0]
        return first.known, first.needs, first.pace

    def _must_accept(self, known: KnownModel, here: bool) -> bool:
        card = known.card
        return bool(card.restriction) and not here and card.name not in self._library.accepted()

    def _accept(self, known: KnownModel, accept: bool, here: bool) -> None:
        if self._must_accept(known, here):
            if not accept:
                raise LicenceError(known.card)
            self._library.accept(known.card.name)

    def _shown(self, known: KnownModel, accepted: set[str]) -> dict[str, Any]:
        card = known.card
        group = group_of(card)
        mean, names = figure(card, group) or (None, ())
        pace = pace_of(card.cost, self._device)
        files = list(card.holdings(card.targets))
        sizes = [weights.size or weights.about_size for _, weights in files]
        return {
            "name": card.name,
            "title": card.title,
            "group": group.title,
            "targets": list(card.usual),
            "licence": card.licence,
            "restriction": card.restriction,
            "accepted": card.name in accepted,
            "size": None if None in sizes else sum(size or 0 for size in sizes),
            "quality": None if mean is None else round(mean, 2),
            "quality_of": list(names),
            "quality_on": yardstick(card),
            "pace": _finite(pace),
            "here": is_here(self._registry, known),
            "built_in": bool(files) and all(weights.package_file for _, weights in files),
            "removable": not known.parts,
            "fetching": card.name in self._busy,
        }

    def _fetch(self, known: KnownModel) -> None:
        name = known.card.name
        done: dict[str, tuple[int, int]] = {}

        def report(event: FetchEvent) -> None:
            if not event.note:
                done[event.file] = event.done, event.total or 0
                amounts = [sum(part) for part in zip(*done.values(), strict=True)]
                self._publish(
                    "model", {"name": name, "done": amounts[0], "total": amounts[1] or None}
                )

        error = ""
        try:
            self._registry.fetch(known, known.card.targets, progress=report)
        except Exception as failure:
            error = sentence_of(failure)
        self._busy.discard(name)
        self._publish("model", {"name": name, "over": True, "error": error})


def _finite(pace: float) -> float | None:
    return round(pace, 3) if math.isfinite(pace) else None


def _own(known: KnownModel) -> Iterator[ModelCard]:
    """Yield the cards with the files of a model: its own, or those of its parts."""
    if not known.parts:
        yield known.card
    for part in known.parts:
        yield from _own(part)
