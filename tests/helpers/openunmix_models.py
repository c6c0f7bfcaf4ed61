"""Open-Unmix folders as loaded models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams import ArrayMixture, Audio, separated
from unmixcli.models.interface import Request
from unmixcli.models.openunmix import plugin
from unmixcli.models.openunmix.options import Options
from unmixcli.models.openunmix.streaming import OpenUnmix


def load(folder: Path, targets: tuple[str, ...] | None = None) -> OpenUnmix:
    card = plugin.folder_card(folder)
    assert card is not None
    files = {weights.file: weights.path for weights in card.weights if weights.path}
    return plugin.load(card, files, targets or card.targets, "cpu")


def ask(
    *, residual: bool = False, temp_dir: Path | None = None, **options: Any
) -> Request[Options]:
    """Make a request, with options of Open-Unmix."""
    return Request(Options(**options), residual, temp_dir)


def run(model: OpenUnmix, samples: Audio, block: int = 4000, **asked: Any) -> Audio:
    return separated(model, ArrayMixture(samples, block), ask(**asked))
