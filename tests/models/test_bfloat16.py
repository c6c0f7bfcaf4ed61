"""Networks that read segments, in bfloat16: inaudibly near float32, and really computed so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import roformers
import scnets
from unmixcli.models.roformer import plugin as roformer
from unmixcli.models.scnet import plugin as scnet

MAKERS = {
    "bs": (roformer, roformers.bs_roformer, roformers.card, roformers.CHUNK),
    "scnet": (scnet, scnets.scnet, scnets.card, scnets.CHUNK),
}


@pytest.mark.parametrize("family", MAKERS)
def test_near_float32(family: str, tmp_path: Path) -> None:
    plugin, make, card, chunk = MAKERS[family]
    assert isinstance(make, Callable)
    path = tmp_path / "tiny.ckpt"
    torch.save(make().state_dict(), path)
    described = card(path)
    noise = 0.1 * torch.randn(1, 2, chunk, generator=torch.Generator().manual_seed(3))
    results = []
    for precision in plugin.precisions:
        model = plugin.load(described, {"tiny.ckpt": path}, described.estimated, "cpu", precision)
        types = {tensor.dtype for tensor in model.network.state_dict().values()}
        assert (torch.bfloat16 in types) == (precision == "bfloat16")
        with torch.inference_mode():
            results.append(model.network(noise).float())
    exact, near = results
    error = (exact - near).square().sum() / exact.square().sum()
    assert 0 < error < 1e-4  # 40 dB
