"""The published MDX23C networks: their sizes as described, without their numbers."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
import torch

import mdx23cs
from checkpoints import shapes_of
from unmixcli.models.catalogue import shipped_cards
from unmixcli.models.mdx23c.loading import measure
from unmixcli.models.mdx23c.network import MDX23C
from unmixcli.models.mdx23c.parameters import Parameters
from unmixcli.models.mdx23c.plugin import plugin
from unmixcli.models.tensors import TensorFile

pytest.importorskip("pymss_core")

CARDS = {card.name: card for card in shipped_cards("mdx23c")}


@pytest.mark.parametrize("name", CARDS)
def test_sizes(name: str) -> None:
    card = CARDS[name]
    with torch.device("meta"):
        theirs = mdx23cs.build(
            card.targets,
            dim_f=1024,
            num_scales=5,
            num_channels=128,
            growth=128,
            bottleneck_factor=4,
        )
        shapes = shapes_of(theirs)
        sizes = measure(TensorFile(Path("x"), shapes, {}, lambda keys: {}), Parameters.of(card))
        assert shapes_of(MDX23C(sizes)) == shapes
    assert (sizes.stems, sizes.bands, sizes.bins) == (len(card.targets), 4, 256)
    # The file holds these numbers, and a name and an address for each tensor.
    (weights,) = card.weights
    assert weights.size is not None
    assert 0 < weights.size - 4 * sum(map(prod, shapes.values())) < 600 * len(shapes)


def test_every_card_is_sound() -> None:
    for card in plugin.cards():
        plugin.check(card)
        assert card.name in card.restriction
        assert all(weights.sha256 and weights.size for weights in card.weights)
        assert all(len(weights.urls) > 1 for weights in card.weights)
