"""List the models for programs."""

from __future__ import annotations

from .cards import ModelCard
from .registry import Registry


def list_models() -> list[ModelCard]:
    """List all models: the built-in ones, those of plugins and your own.

    Returns
    -------
    list of ModelCard
        With `name`, `targets`, `licence`, `quality` and so on. Nothing is
        downloaded and PyTorch is not loaded.

    Examples
    --------
    >>> [card.name for card in list_models() if "piano" in card.targets]  # doctest: +SKIP
    ['htdemucs_6s', 'six-stems']
    """
    return [known.card for known in Registry().models]
