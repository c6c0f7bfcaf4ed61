"""Open-Unmix folders as loaded models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from streams import ArrayMixture, ignore
from unmixcli.models.openunmix import plugin
from unmixcli.models.openunmix.streaming import OpenUnmix
from unmixcli.options.config import SeparationConfig


def load(folder: Path, targets: tuple[str, ...] | None = None) -> OpenUnmix:
    card = plugin.folder_card(folder)
    assert card is not None
    files = {weights.file: weights.path for weights in card.weights if weights.path}
    return plugin.load(card, files, targets or card.targets, "cpu")


def run(model: OpenUnmix, samples: np.ndarray, block: int = 4000, **options: Any) -> np.ndarray:
    config = SeparationConfig(**options)
    return np.concatenate(list(model.separate(ArrayMixture(samples, block), config, ignore)), -1)
