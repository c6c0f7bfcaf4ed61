"""The ensembles and chains that ship, with small networks of the true families in their models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import demucs_networks
import mdx23cs
import roformers
import scnets
from combinations import separate
from streams import noise
from toys import entry
from unmixcli.models import combined, demucs, mdx23c, roformer, scnet
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.catalogue import shipped_cards
from unmixcli.models.registry import Registry

pytest.importorskip("bs_roformer")
pytest.importorskip("pymss_core")
pytest.importorskip("demucs")

RATE = 8000


class Family:
    """One of our plugins, with other cards."""

    def __init__(self, plugin: Any, cards: list[ModelCard]) -> None:
        self._cards = cards
        self.load = plugin.load
        self.options = plugin.options
        if hasattr(plugin, "precisions"):
            self.precisions = plugin.precisions

    def cards(self) -> list[ModelCard]:
        return self._cards


def small(
    folder: Path, name: str, plugin: str, helper: Any, make: Callable[[], torch.nn.Module],
    **fields: Any,
) -> ModelCard:  # fmt: skip
    """A shipped card whose network is a small one at 8 kHz."""
    path = folder / f"{name}.ckpt"
    torch.save(make().state_dict(), path)
    real = next(card for card in shipped_cards(plugin) if card.name == name)
    kept = {"name": name, "targets": real.targets, "rest": real.rest, "licence": real.licence}
    return helper.card(path, **kept | fields)


def small_demucs(folder: Path, name: str) -> ModelCard:
    """A shipped card of Demucs with one small network for all of its targets."""
    real = next(card for card in shipped_cards("demucs") if card.name == name)
    network = demucs_networks.network(sources=list(real.targets))
    path = demucs_networks.save_package(network, folder)
    weights = (Weights(file=path.name, path=path),)
    return real.model_copy(update={"sample_rate": RATE, "weights": weights})


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("small")

    def of(name: str, **fields: Any) -> ModelCard:
        stems = fields.pop("stems", 1)
        return small(folder, name, "roformer", roformers,
                     lambda: roformers.bs_roformer(num_stems=stems), **fields)  # fmt: skip

    mega = next(card for card in shipped_cards("roformer") if card.name == "mvsep-mega")
    heads = {target: k for k, target in enumerate(mega.estimated)}
    rofos = [
        of("melband-kim"),
        of("bs-vocals-anvuew"),
        of("bs-dereverb-anvuew"),
        of("mvsep-mega", stems=len(heads), heads=heads),
    ]
    large = small(folder, "scnet-large", "scnet", scnets, scnets.scnet)
    drums = small(folder, "drumsep-5", "mdx23c", mdx23cs, mdx23cs.mdx23c)
    plugins = {
        "roformer": Family(roformer.plugin, rofos),
        "demucs": Family(
            demucs.plugin, [small_demucs(folder, name) for name in ("htdemucs_ft", "htdemucs_6s")]
        ),
        "scnet": Family(scnet.plugin, [large]),
        "mdx23c": Family(mdx23c.plugin, [drums]),
        "ensemble": combined.ensemble,
        "chain": combined.chain,
    }
    return Registry(entry_points=[entry(p, name, "unmixcli") for name, p in plugins.items()])


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("vocals-pair", ("vocals", "instrumental")),
        ("stems-pair", ("drums", "bass", "other", "vocals")),
        ("six-stems", ("vocals", "drums", "bass", "guitar", "piano", "other")),
        ("drum-parts", ("kick", "snare", "toms", "hihat", "cymbals")),
        ("lead-and-backing", ("instrumental", "lead-vocals", "backing-vocals")),
        ("clean-vocals", ("vocals",)),
    ],
)
def test_they_run(registry, name, targets):
    known = registry.resolve(name)
    assert known.shipped and known.card.targets == targets and known.card.licensed
    mixture = noise(2 * RATE)
    stems = separate(registry, name, mixture, targets, rate=RATE)
    rows = known.card.needed(targets)
    assert stems.shape == (len(rows), *mixture.shape)
    assert np.isfinite(stems).all() and all(stem.any() for stem in stems)


def test_a_chain_is_its_stages_one_after_the_other(registry):
    mixture = noise(2 * RATE)
    drums = separate(registry, "scnet-large", mixture, ["drums"], rate=RATE)[0]
    parts = separate(registry, "drumsep-5", drums, rate=RATE)
    assert np.array_equal(separate(registry, "drum-parts", mixture, rate=RATE), parts)


def test_the_average_is_the_mean(registry):
    mixture = noise(2 * RATE)
    names = ("bs-vocals-anvuew", "melband-kim")
    alone = [separate(registry, name, mixture, rate=RATE) for name in names]
    both = separate(registry, "vocals-pair", mixture, rate=RATE)
    assert np.abs(both - np.mean(alone, 0)).max() < 1e-7
