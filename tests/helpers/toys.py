"""Toy models for tests: cards, files, plugins and entry points."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np

from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.interface import Block, Mixture, Progress, Request
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


Script = Callable[[Mixture, tuple[str, ...]], Any]


@dataclass
class Actor:
    """A model that does what a script says; it remembers what it was asked."""

    card: ModelCard
    targets: tuple[str, ...]
    script: Script
    requests: list[Request[Any]] = field(default_factory=list)

    @property
    def sample_rate(self) -> int:
        return self.card.sample_rate

    @property
    def channels(self) -> int | None:
        return self.card.channels

    def separate(self, mixture: Mixture, request: Request[Any], progress: Progress) -> Any:
        self.requests.append(request)
        return self.script(mixture, self.targets)


def shares(mixture: Mixture, targets: tuple[str, ...]) -> Iterator[Block]:
    """A script: 1/3 of the mixture for the first target, 1/4 for the second, and so on."""
    for block in mixture.blocks():
        yield np.stack([block / np.float32(3 + k) for k in range(len(targets))])


@dataclass
class Scripted(Toy):
    """A plugin whose models follow a script."""

    its_cards: tuple[ModelCard, ...] = (
        ModelCard(name="acted", plugin="toy", targets=("vocals", "drums"), sample_rate=44100),
    )
    script: Script = shares
    loaded: list[Actor] = field(default_factory=list)

    def load(self, card: ModelCard, weights: Any, targets: Any, device: str) -> Actor:
        self.loaded.append(Actor(card, tuple(targets), self.script))
        return self.loaded[-1]


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
