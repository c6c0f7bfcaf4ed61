"""Families are told by the names of their tensors: tried on networks of each."""

from __future__ import annotations

from typing import Any

import pytest

from demucs_networks import network
from networks import four_states
from roformers import bs_roformer, mel_roformer
from torchaudio_networks import tiny
from unmixcli.models.recognise import recognise


def scnet() -> Any:
    module = pytest.importorskip("pymss_core.modules.scnet")
    return module.SCNet(dims=[4, 8, 16, 32], num_dplayer=2).state_dict()


def mdx23c() -> Any:
    names = ("first_conv.weight", "encoder_blocks.0.tfc_tdf.blocks.0.tfc1.0.weight")
    return [*names, "bottleneck_block.blocks.0.shortcut.weight", "final_conv.0.weight"]


@pytest.mark.parametrize(
    ("keys", "family"),
    [
        (lambda: network().state_dict(), "a Hybrid Transformer Demucs checkpoint"),
        (lambda: network("HDemucs").state_dict(), "a Hybrid Demucs checkpoint"),
        (lambda: tiny().state_dict(), "a Hybrid Demucs checkpoint of torchaudio"),
        (lambda: bs_roformer().state_dict(), "a BS-RoFormer or Mel-Band RoFormer checkpoint"),
        (lambda: mel_roformer().state_dict(), "a BS-RoFormer or Mel-Band RoFormer checkpoint"),
        (lambda: four_states(hidden=16)["vocals"], "an Open-Unmix checkpoint"),
        (scnet, "an SCNet checkpoint"),
        (mdx23c, "an MDX23C checkpoint"),
        (lambda: [f"module.{key}" for key in scnet()], "an SCNet checkpoint"),
        (lambda: ["encoder.0.0.weight", "decoder.0.0.weight"], "a checkpoint of Demucs before the"),
        (lambda: ["fc1.weight"], None),
        (list, None),
    ],
)
def test_families(keys: Any, family: str | None) -> None:
    found = recognise(keys())
    assert found == family or (family is not None and str(found).startswith(family))
