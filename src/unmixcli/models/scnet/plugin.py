"""The entry point: which SCNets there are, their options, how one is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..cards import ModelCard
from ..catalogue import shipped_cards
from ..chunked import Options
from ..chunked.folder import own_card
from .folder import describe
from .parameters import Parameters

if TYPE_CHECKING:
    from ..interface import Model


class _Plugin:
    """See `unmixcli.models.interface.Plugin`."""

    options = Options

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("scnet")

    def check(self, card: ModelCard) -> None:
        Parameters.of(card)  # before anything is fetched

    def folder_card(self, folder: Path) -> ModelCard | None:
        return own_card("scnet", folder, describe)

    def file_card(self, file: Path) -> ModelCard | None:
        return own_card("scnet", file, describe)

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> Model:
        # torch is imported when a model is loaded, not when models are listed.
        from .loading import load_model

        return load_model(card, weights, targets, device)


plugin = _Plugin()
