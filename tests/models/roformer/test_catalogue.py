"""The published checkpoints: their sizes as their authors describe them, without their numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from pathlib import Path

import pytest
import torch

from unmixcli.models.catalogue import shipped_cards
from unmixcli.models.roformer.layout import Layout, read_layout
from unmixcli.models.roformer.options import Parameters
from unmixcli.models.roformer.plugin import plugin
from unmixcli.models.tensors import Shape, TensorFile

bs_roformer = pytest.importorskip("bs_roformer")
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

CARDS = {card.name: card for card in shipped_cards("roformer")}
ONE_BLOCK = {"time_transformer_depth": 1, "freq_transformer_depth": 1, "stereo": True}


def small_bs(stems: int = 1, factor: int = 4) -> torch.nn.Module:
    """The sizes of anvuew's networks and, with another factor, of MVSep Mega."""
    network: torch.nn.Module = bs_roformer.BSRoformer(dim=256, depth=12, **ONE_BLOCK)
    estimator = bs_roformer.bs_roformer.MaskEstimator
    network.mask_estimators = torch.nn.ModuleList(
        estimator(256, network.band_split.dim_inputs, 2, mlp_expansion_factor=factor)
        for _ in range(stems)
    )
    return network


def kim() -> torch.nn.Module:
    network: torch.nn.Module = bs_roformer.MelBandRoformer(
        dim=384, depth=6, linear_transformer_depth=0, mask_estimator_depth=2, **ONE_BLOCK
    )
    return network


def mega() -> torch.nn.Module:
    return small_bs(53, 2)


@cache
def shapes_of(make: Callable[[], torch.nn.Module]) -> dict[str, Shape]:
    with torch.device("meta"):
        return {key: tuple(tensor.shape) for key, tensor in make().state_dict().items()}


def layout_of(shapes: dict[str, Shape]) -> Layout:
    return read_layout(TensorFile(Path("x"), shapes, {}, lambda keys: {}), 44100)


@pytest.mark.parametrize(
    ("name", "make", "bytes_each"),
    [
        ("bs-vocals-anvuew", small_bs, 4),
        ("bs-karaoke-anvuew", small_bs, 4),
        ("bs-dereverb-anvuew", small_bs, 4),
        ("melband-kim", kim, 4),
        ("melband-denoise-aufr33", kim, 4),
        ("mvsep-mega", mega, 2),
    ],
)
def test_sizes(name: str, make: Callable[[], torch.nn.Module], bytes_each: int) -> None:
    shapes = shapes_of(make)
    layout = layout_of(shapes)
    card = CARDS[name]
    parameters = Parameters.of(card)
    assert (layout.n_fft, layout.channels) == (2048, card.channels)
    assert parameters.hop <= layout.n_fft // 2
    heads = {parameters.head_of(card, target) for target in card.estimated}
    assert len(heads) == len(card.estimated)
    assert max(heads) < layout.stems
    # The file holds these numbers, and a name and an address for each tensor.
    (weights,) = card.weights
    assert weights.size is not None
    beside = weights.size - bytes_each * sum(map(prod, shapes.values()))
    assert 0 < beside < 600 * len(shapes)


def test_numbers_of_mega() -> None:
    shapes = shapes_of(mega)
    layout = layout_of(shapes)
    assert len(shapes) == 13_595
    assert sum(map(prod, shapes.values())) == 681_663_596
    assert (layout.stems, layout.mask_depth, layout.mask_hidden) == (53, 2, 512)


def test_every_card_is_sound() -> None:
    assert {card.name for card in plugin.cards()} == set(CARDS)
    for card in CARDS.values():
        plugin.check(card)
        assert card.licence
        assert card.provenance
        assert not card.quality or card.quality_on
        for weights in card.weights:
            assert weights.sha256
            assert weights.size
            for url in weights.urls:
                # A revision that cannot change under our feet, or a release.
                assert "/releases/download/" in url or len(url.split("/resolve/")[1][:41]) == 41
                assert "/resolve/main/" not in url


@pytest.mark.parametrize("name", sorted(CARDS))
def test_what_is_not_free_says_so(name: str) -> None:
    card = CARDS[name]
    if card.licence not in ("MIT", "Apache-2.0"):
        assert name in card.restriction
