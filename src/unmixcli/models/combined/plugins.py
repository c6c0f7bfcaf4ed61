"""The entry points of ensembles and chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...errors import ModelError
from ..cards import ModelCard
from ..known import KnownModel
from .chain_card import compose_chain
from .ensemble_card import Find, compose_ensemble
from .options import Options

if TYPE_CHECKING:
    from ..interface import Model
    from .chain import Chain
    from .ensemble import Ensemble

# torch is imported when a model is put together, not when models are listed.


class _Combination:
    """See `unmixcli.models.interface.Plugin`."""

    def cards(self) -> tuple[ModelCard, ...]:
        return ()  # they follow from the cards of others, see `compose`

    def load(
        self, card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
    ) -> NoReturn:
        raise ModelError(f"{card.name} is made of other models, but names none")


class _Ensembles(_Combination):
    options = Options

    def compose(
        self, name: str, table: Mapping[str, Any], find: Find
    ) -> tuple[ModelCard, tuple[KnownModel, ...]]:
        return compose_ensemble(name, table, find)

    def assemble(
        self, card: ModelCard, models: Sequence[Model | None], targets: Sequence[str]
    ) -> Ensemble:
        from .ensemble import Ensemble

        return Ensemble(card, models, targets)


class _Chains(_Combination):
    def compose(
        self, name: str, table: Mapping[str, Any], find: Find
    ) -> tuple[ModelCard, tuple[KnownModel, ...]]:
        return compose_chain(name, table, find)

    def assemble(
        self, card: ModelCard, models: Sequence[Model | None], targets: Sequence[str]
    ) -> Chain:
        from .chain import Chain

        return Chain(card, models, targets)


ensemble = _Ensembles()
chain = _Chains()
