"""The entry points: which models there are, their options, how one is loaded.

There are two, as there are two ways to run a network over a track: ``demucs``
does as the package demucs does, ``hdemucs`` as torchaudio's tutorial, for the
weights that torchaudio published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..cards import ModelCard
from ..catalogue import shipped_cards
from .options import CrossFadeOptions, Options

if TYPE_CHECKING:
    from ..segmented import SegmentedModel

# torch is imported when a model is loaded, not when models are listed.


class _Demucs:
    """See `unmixcli.models.interface.Plugin`."""

    options = Options

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("demucs")

    def folder_card(self, folder: Path) -> ModelCard | None:
        from .repository import folder_card

        return folder_card(folder)

    def file_card(self, path: Path) -> ModelCard | None:
        from .repository import file_card

        return file_card(path)

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> SegmentedModel:
        from .loading import load_model

        return load_model(card, weights, targets, device)


class _TorchaudioDemucs:
    """See `unmixcli.models.interface.Plugin`."""

    options = CrossFadeOptions

    def cards(self) -> tuple[ModelCard, ...]:
        return shipped_cards("hdemucs")

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> SegmentedModel:
        from .loading import load_torchaudio

        return load_torchaudio(card, weights, targets, device)


plugin = _Demucs()
torchaudio_plugin = _TorchaudioDemucs()
