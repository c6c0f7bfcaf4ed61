"""The published SCNets: their sizes as their authors describe them, without their numbers."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import shapes_of
from unmixcli.models.catalogue import shipped_cards
from unmixcli.models.scnet.loading import measure
from unmixcli.models.scnet.network import SCNet
from unmixcli.models.scnet.parameters import Parameters
from unmixcli.models.scnet.plugin import plugin
from unmixcli.models.tensors import TensorFile

reference = pytest.importorskip("pymss_core.modules.scnet")

CARDS = {card.name: card for card in shipped_cards("scnet")}
LARGE = [4, 64, 128, 256]
PUBLISHED: dict[str, dict[str, Any]] = {
    "scnet": {},
    "scnet-large": {"dims": LARGE, "band_SR": [0.225, 0.372, 0.403]},
    "scnet-xl-ihf": {
        "dims": LARGE,
        "band_SR": [0.23, 0.37, 0.4],
        "band_stride": [1, 4, 4],
        "band_kernel": [3, 4, 4],
        "conv_depths": [3, 3, 3],
        "num_dplayer": 8,
    },
}


@pytest.mark.parametrize("name", CARDS)
def test_sizes(name: str) -> None:
    card = CARDS[name]
    with torch.device("meta"):
        theirs = reference.SCNet(**PUBLISHED[name])
        shapes = shapes_of(theirs)
        file = TensorFile(Path("x"), shapes, {}, lambda keys: {})
        ours = SCNet(measure(file, Parameters.of(card)))
    assert shapes_of(ours) == shapes
    assert (ours.stems, ours.audio_channels) == (len(card.targets), card.channels)
    assert card.targets == tuple(theirs.sources)
    assert card.parameters["band_ratios"] == [band["SR"] for band in theirs.band_configs.values()]
    assert card.parameters["band_strides"] == [
        band["stride"] for band in theirs.band_configs.values()
    ]
    # The file holds these numbers, and a name and an address for each tensor.
    (weights,) = card.weights
    assert weights.size is not None
    assert 0 < weights.size - 4 * sum(map(prod, shapes.values())) < 600 * len(shapes)


def test_every_card_is_sound() -> None:
    for card in plugin.cards():
        plugin.check(card)
        assert card.name in card.restriction
        assert all(weights.sha256 and weights.size for weights in card.weights)
