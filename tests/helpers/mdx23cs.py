"""MDX23C networks small enough for tests, with random weights, from the package pymss-core."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from unmixcli.models.cards import ModelCard, Weights

RATE = 8000
N_FFT = 256
HOP = 64
CHUNK = HOP * 31
PARTS = ("kick", "snare", "toms", "hh", "cymbals")


def mdx23c(
    instruments: tuple[str, ...] = PARTS,
    target: str | None = None,
    channels: int = 2,
    dim_f: int = 64,
    **arguments: Any,
) -> torch.nn.Module:
    """Build an MDX23C network, the same one each time."""
    from pymss_core.modules.mdx23c_tfc_tdf_v3 import TFC_TDF_net

    known = {
        "norm": "InstanceNorm",
        "act": "gelu",
        "num_subbands": 4,
        "num_scales": 2,
        "scale": [2, 2],
        "num_blocks_per_scale": 2,
        "num_channels": 8,
        "growth": 4,
        "bottleneck_factor": 2,
    }
    config = SimpleNamespace(
        audio=SimpleNamespace(num_channels=channels, n_fft=N_FFT, hop_length=HOP, dim_f=dim_f),
        model=SimpleNamespace(**known | arguments),
        training=SimpleNamespace(target_instrument=target, instruments=list(instruments)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network: torch.nn.Module = TFC_TDF_net(config)
        for parameter in network.parameters():
            if parameter.dim() == 1:  # norms, which start as ones and zeros
                parameter.data += 0.2 * torch.randn(parameter.shape)
    return network.eval().requires_grad_(False)


def card(path: Path, **fields: Any) -> ModelCard:
    """Describe a checkpoint of `mdx23c`; what is no field of a card is one of its parameters."""
    known = {
        "name": "tiny",
        "plugin": "mdx23c",
        "targets": PARTS,
        "sample_rate": RATE,
        "channels": 2,
        "weights": (Weights(file="tiny.ckpt", path=path),),
    }
    parameters = {"n_fft": N_FFT, "hop": HOP, "chunk": CHUNK, "overlap": 4}
    parameters |= {
        key: fields.pop(key) for key in list(fields) if key not in ModelCard.model_fields
    }
    return ModelCard.model_validate(known | {"parameters": parameters} | fields)
