"""Toy models for tests: cards, files, plugins and entry points that stand for real ones."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.store import FetchEvent, Policy

IMPATIENT = Policy(
    connect_timeout=2, read_timeout=0.4, rounds=3, backoff=0.02, longest_wait=5, redirects=4
)


def some_bytes(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


def card_for(
    files: dict[str, bytes], *urls: str, name: str = "tiny", known: str = "sha256", **more: Any
) -> ModelCard:
    """A card whose files are at ``URL/FILE``; ``known`` is how much its digests tell."""

    def digests(data: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(data).hexdigest()
        return {
            "sha256": {"size": len(data), "sha256": sha256},
            "sha512": {"sha512": hashlib.sha512(data).hexdigest()},
            "prefix": {"sha256_prefix": sha256[:8]},
            "nothing": {},
        }[known]

    weights = [
        Weights(file=file, urls=[f"{url}/{file}" for url in urls], **digests(data))
        for file, data in files.items()
    ]
    fields = {"plugin": "toy", "targets": ["vocals"], "sample_rate": 44100} | more
    return ModelCard(name=name, weights=weights, **fields)


@dataclass
class Toy:
    """A plugin for tests: it loads nothing and returns what it was given."""

    its_cards: tuple[ModelCard, ...] = ()

    def cards(self) -> tuple[ModelCard, ...]:
        return self.its_cards

    def load(self, card: ModelCard, weights: Any, targets: Any, device: str) -> Any:
        return {"card": card, "weights": weights, "targets": targets, "device": device}


def entry(plugin: object, name: str = "toy", distribution: str = "toy-package") -> EntryPoint:
    """An entry point that loads this very object."""

    class Fixed(EntryPoint):
        def load(self) -> object:
            if isinstance(plugin, BaseException):
                raise plugin
            return plugin

    value = "unmixcli.x:plugin" if distribution == "unmixcli" else "toy:plugin"
    fixed = Fixed(name, value, "unmixcli.models")
    vars(fixed)["dist"] = type("Dist", (), {"name": distribution})()
    return fixed


class Events(list[FetchEvent]):
    """A report that remembers what it was told."""

    def __call__(self, event: FetchEvent) -> None:
        self.append(event)

    @property
    def notes(self) -> list[str]:
        return [event.note for event in self if event.note]
