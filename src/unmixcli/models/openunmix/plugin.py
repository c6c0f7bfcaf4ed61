"""The entry point: lists and loads the models of Open-Unmix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..cards import ModelCard
from ..catalogue import shipped_cards
from .folder import card_of_folder
from .options import Options

if TYPE_CHECKING:
    from .module import WaveformSeparator
    from .streaming import OpenUnmix


class _Plugin:
    """See `unmixcli.models.interface.Plugin`."""

    options = Options
    estimates_residual = True
    precisions = ("float32", "bfloat16")

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("openunmix")

    def folder_card(self, folder: Path) -> ModelCard | None:
        return card_of_folder(folder)

    def load(
        self,
        card: ModelCard,
        weights: Mapping[str, Path],
        targets: Sequence[str],
        device: str,
        precision: str = "float32",
    ) -> OpenUnmix:
        # torch is imported when a model is loaded, not when models are listed.
        from .loading import load_model

        return load_model(card, weights, targets, device, precision)

    def network(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str]
    ) -> WaveformSeparator:
        from .module import load_network

        return load_network(card, weights, targets)


plugin = _Plugin()
