"""Toy models that ensembles and chains are made of, and registries that know them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel

from streams import ArrayMixture, noise
from toys import Toy, entry
from unmixcli.audio.blocks import BlockReader
from unmixcli.models.cards import ModelCard
from unmixcli.models.combined import chain, ensemble
from unmixcli.models.interface import Mixture, Request, ignore
from unmixcli.models.registry import Registry

Audio = np.ndarray


@functools.cache
def fixed(target: str, model: str, channels: int, length: int) -> Audio:
    """What the toy `Fixed` makes, whatever it hears."""
    seed = sum(map(ord, f"{model}{target}")) % 1000
    return noise(length, channels, seed)


class GainOptions(BaseModel):
    gain: float = 1.0


@dataclass
class ToyModel:
    """Yields stems in blocks of its own size; `work` makes them of a block of the mixture."""

    card: ModelCard
    targets: tuple[str, ...]
    block: int
    work: Callable[[str, Audio, int, Any], Audio]
    asked: list[Any] = field(default_factory=list)

    @property
    def sample_rate(self) -> int:
        return self.card.sample_rate

    @property
    def channels(self) -> int | None:
        return self.card.channels

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Callable[[str, float], None]
    ) -> Iterator[Audio]:
        self.asked.append(request)
        reader = BlockReader(mixture.blocks())
        for first in range(0, mixture.length, self.block):
            end = min(first + self.block, mixture.length)
            heard = reader.read(first, end)
            yield np.stack([self.work(t, heard, first, request.options) for t in self.targets])
            progress("separating", end / mixture.length)


@dataclass
class Toys(Toy):
    """A plugin of toys that remembers what it loaded."""

    block: int = 1000
    blocks: Mapping[str, int] = field(default_factory=dict)
    loaded: list[ToyModel] = field(default_factory=list)
    options = GainOptions

    def load(self, card: ModelCard, weights: Any, targets: Sequence[str], device: str) -> ToyModel:
        def work(target: str, heard: Audio, first: int, options: GainOptions) -> Audio:
            if card.parameters.get("fixed"):
                end = first + heard.shape[-1]
                return fixed(target, card.name, len(heard), 2**18)[:, first:end] * np.float32(
                    options.gain
                )
            return heard * np.float32(card.parameters.get(target, 0.5) * options.gain)

        model = ToyModel(card, tuple(targets), self.blocks.get(card.name, self.block), work)
        self.loaded.append(model)
        return model


def toy(name: str, *targets: str, rate: int = 44100, **more: Any) -> ModelCard:
    """A card whose model multiplies the mixture by the parameter of each target."""
    return ModelCard(
        name=name,
        plugin="toy",
        targets=targets or ("vocals", "drums"),
        sample_rate=rate,
        licence=more.pop("licence", "MIT"),
        **more,
    )


def still(name: str, *targets: str, **more: Any) -> ModelCard:
    """A card whose model makes the same noise of any mixture."""
    return toy(name, *targets, parameters={"fixed": True}, **more)


def registry_of(*cards: ModelCard, plugin: Toys | None = None) -> Registry:
    toys = plugin or Toys()
    toys.its_cards = cards
    ours = [entry(ensemble, "ensemble", "unmixcli"), entry(chain, "chain", "unmixcli")]
    return Registry(entry_points=[*ours, entry(toys)])


def separate(
    registry: Registry,
    known: Any,
    samples: Audio,
    targets: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    block: int = 4000,
    rate: int = 44100,
) -> Audio:
    """Load a model for its targets and separate an array."""
    if isinstance(known, str):
        known = registry.resolve(known)
    wanted = tuple(targets) or known.card.estimated
    _, model = registry.load(known, known.card.needed(wanted))
    request = Request(known.validate_options(options or {}, {})[0])
    mixture = ArrayMixture(samples, block, rate)
    return np.concatenate(list(model.separate(mixture, request, ignore)), -1)
