"""A Hybrid Demucs network small enough for tests, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unmixcli.models.cards import ModelCard, Weights

SOURCES = ("drums", "bass", "other", "vocals")
RATE = 8000


def tiny(sources: tuple[str, ...] = SOURCES, channels: int = 2) -> torch.nn.Module:
    """Build a network of 146,000 parameters, the same one each time."""
    from torchaudio.models import HDemucs

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network: torch.nn.Module = HDemucs(
            list(sources), audio_channels=channels, channels=4, nfft=1024, depth=5
        )
    return network.eval()


def card(path: Path, **fields: Any) -> ModelCard:
    """Describe a checkpoint."""
    known = {
        "name": "tiny",
        "plugin": "hdemucs",
        "targets": SOURCES,
        "sample_rate": RATE,
        "channels": 2,
        "weights": (Weights(file="tiny.pt", path=path),),
    }
    return ModelCard.model_validate(known | fields)
