"""The entry point: which RoFormers there are, and how one is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..cards import ModelCard
from ..catalogue import shipped_cards
from .folder import card_of_file, card_of_folder
from .options import Options, Parameters

if TYPE_CHECKING:
    from ..segmented import SegmentedModel


class _Plugin:
    """See `unmixcli.models.interface.Plugin`."""

    options = Options

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("roformer")

    def check(self, card: ModelCard) -> None:
        Parameters.of(card)  # before anything is fetched

    def folder_card(self, folder: Path) -> ModelCard | None:
        return card_of_folder(folder)

    def file_card(self, file: Path) -> ModelCard | None:
        return card_of_file(file)

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> SegmentedModel:
        # torch is imported when a model is loaded, not when models are listed.
        from .loading import load_model

        return load_model(card, weights, targets, device)


plugin = _Plugin()
