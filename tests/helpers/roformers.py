"""RoFormers small enough for tests, with random weights, from the package BS-RoFormer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unmixcli.models.cards import ModelCard, Weights

RATE = 8000
HOP = 32
N_FFT = 128
CHUNK = 1600
BANDS = (1, 1, 2, 2, 2, 4, 4, 8, 16, 25)
MEL_HOP = 128
MEL_N_FFT = 512


def bs_roformer(**arguments: Any) -> torch.nn.Module:
    """Build a BS-RoFormer of 10 bands, the same each time; stereo, one stem unless told."""
    from bs_roformer import BSRoformer

    known = {
        "dim": 24,
        "depth": 2,
        "heads": 3,
        "dim_head": 8,
        "stereo": True,
        "num_stems": 1,
        "time_transformer_depth": 1,
        "freq_transformer_depth": 1,
        "freqs_per_bands": BANDS,
        "stft_n_fft": N_FFT,
        "stft_win_length": N_FFT,
        "stft_hop_length": HOP,
    }
    return _settle(BSRoformer, known | arguments)


def mel_roformer(**arguments: Any) -> torch.nn.Module:
    """Build a Mel-Band RoFormer of 20 bands at 44.1 kHz."""
    from bs_roformer import MelBandRoformer

    known = {
        "dim": 24,
        "depth": 2,
        "heads": 3,
        "dim_head": 8,
        "stereo": True,
        "num_stems": 1,
        "linear_transformer_depth": 0,
        "time_transformer_depth": 1,
        "freq_transformer_depth": 1,
        "num_bands": 20,
        "sample_rate": 44100,
        "stft_n_fft": MEL_N_FFT,
        "stft_win_length": MEL_N_FFT,
        "stft_hop_length": MEL_HOP,
    }
    return _settle(MelBandRoformer, known | arguments)


def randomise(network: torch.nn.Module) -> torch.nn.Module:
    """Give norms and biases, which start as ones and small numbers, values that count."""
    for name, parameter in network.named_parameters():
        if name.endswith("gamma"):
            parameter.data = 1 + 0.3 * torch.randn(parameter.shape)
        elif name.endswith("bias"):
            parameter.data = 0.1 * torch.randn(parameter.shape)
    return network.eval().requires_grad_(False)


def card(path: Path, **fields: Any) -> ModelCard:
    """Describe a checkpoint of `bs_roformer`; keywords of the parameters go there."""
    parameters = {"hop": HOP, "chunk": CHUNK, "overlap": 2}
    known = {
        "name": "tiny",
        "plugin": "roformer",
        "targets": ("vocals",),
        "sample_rate": RATE,
        "weights": (Weights(file="tiny.ckpt", path=path),),
    }
    for key in ("hop", "chunk", "overlap", "heads", "n_fft", "zero_dc", "odd"):
        if key in fields:
            parameters[key] = fields.pop(key)
    return ModelCard.model_validate(known | {"parameters": parameters} | fields)


def _settle(architecture: Any, arguments: dict[str, Any]) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return randomise(architecture(**arguments))
