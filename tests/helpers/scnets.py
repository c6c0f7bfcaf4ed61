"""SCNets small enough for tests, with random weights, from the package pymss-core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unmixcli.models.cards import ModelCard, Weights

RATE = 8000
N_FFT = 128
HOP = 32
CHUNK = 2000
SOURCES = ("drums", "bass", "other", "vocals")
RATIOS = (0.225, 0.372, 0.403)
STRIDES = (1, 4, 16)


def scnet(**arguments: Any) -> torch.nn.Module:
    """Build an SCNet, the same one each time; of four sources and stereo unless told."""
    from pymss_core.modules.scnet import SCNet

    known = {
        "sources": list(SOURCES),
        "audio_channels": 2,
        "dims": [4, 8, 12, 16],
        "nfft": N_FFT,
        "hop_size": HOP,
        "win_size": N_FFT,
        "band_SR": list(RATIOS),
        "band_stride": list(STRIDES),
        "band_kernel": [3, 4, 16],
        "conv_depths": [3, 2, 1],
        "num_dplayer": 4,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network: torch.nn.Module = SCNet(**known | arguments)
        for parameter in network.parameters():
            if parameter.dim() == 1:  # norms and biases, which start as ones and small numbers
                parameter.data += 0.2 * torch.randn(parameter.shape)
    return network.eval().requires_grad_(False)


def card(path: Path, **fields: Any) -> ModelCard:
    """Describe a checkpoint of `scnet`; what is no field of a card is one of its parameters."""
    known = {
        "name": "tiny",
        "plugin": "scnet",
        "targets": SOURCES,
        "sample_rate": RATE,
        "channels": 2,
        "weights": (Weights(file="tiny.ckpt", path=path),),
    }
    parameters = {
        "n_fft": N_FFT,
        "hop": HOP,
        "chunk": CHUNK,
        "overlap": 4,
        "band_ratios": RATIOS,
        "band_strides": STRIDES,
    }
    parameters |= {
        key: fields.pop(key) for key in list(fields) if key not in ModelCard.model_fields
    }
    return ModelCard.model_validate(known | {"parameters": parameters} | fields)
