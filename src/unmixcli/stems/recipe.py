"""Recipes: everything that determines the stems of a recording."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..files.hashing import sha256_of
from ..models.cards import ModelCard
from ..models.store import Store


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the stems of a recording.

    Attributes
    ----------
    model : str
    weights : str
        Digest of the card and the weights.
    options : mapping
        Fields of the config that change the files.
    model_options : mapping
        The model's own options, defaults included.
    stems : tuple of str
    """

    model: str
    weights: str
    options: Mapping[str, Any]
    model_options: Mapping[str, Any]
    stems: tuple[str, ...]

    @classmethod
    def of(
        cls,
        card: ModelCard,
        targets: tuple[str, ...],
        options: Mapping[str, Any],
        model_options: Mapping[str, Any],
        stems: Iterable[str],
    ) -> Recipe:
        """Describe a separation by a model whose weights are on this machine."""
        return cls(card.name, identify(card, targets), options, model_options, tuple(stems))

    def difference(self, entry: Mapping[str, Any]) -> str | None:
        """Say how an entry differs, or return None if it has the same recipe."""
        if entry.get("model") != self.model:
            return f"with the model {entry.get('model')}"
        if entry.get("weights") != self.weights:
            return f"with other weights of {self.model}"
        for kind, wanted in (("options", self.options), ("model_options", self.model_options)):
            made = entry.get(kind)
            made = made if isinstance(made, dict) else {}
            for name, value in wanted.items():
                if made.get(name) != value:
                    return f"with {name} {_shown(made.get(name))} instead of {_shown(value)}"
        return None


def identify(card: ModelCard, targets: tuple[str, ...]) -> str:
    """Return a digest of a model's card and of the weights that the targets need.

    The weights of an ensemble or a chain are those of its members. Empty if a file
    is missing and its digest is unknown.
    """
    store = Store()
    facts = card.model_dump(mode="json", include={"plugin", "sample_rate", "channels"})
    facts["parameters"] = json.loads(json.dumps(card.parameters, default=str))
    facts["weights"] = {}
    if card.members:
        facts["members"] = [
            [list(theirs), identify(member.card, member.card.needed(theirs))]
            for member in card.members
            if (theirs := member.targets_for(targets))
        ]
        if not all(digest for _, digest in facts["members"]):
            return ""
    for weights in card.files_for(targets):
        place = store.place(card, weights)
        expected = place.expected()
        try:
            digest = expected.sha256 or expected.sha512 or sha256_of(place.final)
        except OSError:
            return ""
        facts["weights"][weights.file] = digest
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
