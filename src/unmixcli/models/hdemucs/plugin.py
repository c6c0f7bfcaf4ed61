"""The entry point: which models of Hybrid Demucs there are, their options, how one is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..cards import ModelCard
from ..catalogue import shipped_cards
from .options import Options

if TYPE_CHECKING:
    from ..segmented import SegmentedModel


class _Plugin:
    """See `unmixcli.models.interface.Plugin`."""

    options = Options

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("hdemucs")

    def check(self, card: ModelCard) -> None:
        from .loading import import_architecture

        import_architecture(card.name)

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> SegmentedModel:
        # torch is imported when a model is loaded, not when models are listed.
        from .loading import load_model

        return load_model(card, weights, targets, device)


plugin = _Plugin()
