"""From known models and the files of their weights to models that work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, UnmixError
from ..words import sentence_of
from .known import KnownModel

if TYPE_CHECKING:
    from .interface import Model

Files = Mapping[tuple[str, str], Mapping[str, Path]]
"""By the plugin and the name of a model: its files by the names that its card gives them."""


def check(known: KnownModel) -> None:
    """Let plugins refuse what cannot work on this machine, those of parts too.

    Raises
    ------
    ModelError
        If one does.
    """
    if refuse := getattr(known.plugin, "check", None):
        refuse(known.card)
    for part in known.parts:
        check(part)


class Loader:
    """Loads models; of parts that are the same, one serves for all.

    Parameters
    ----------
    files : mapping
        The weights that are here.
    device : str
        A torch device.
    precision : str
        Of the networks, where a plugin offers it; float32 elsewhere.
    """

    def __init__(self, files: Files, device: str, precision: str) -> None:
        self._files = files
        self._device = device
        self._precision = precision
        self._loaded: dict[tuple[str, str, tuple[str, ...]], Model] = {}

    def load(self, known: KnownModel, targets: Sequence[str]) -> Model:
        """Load a model for some of its targets.

        Raises
        ------
        ModelError
            If a file is not what the card says, or a plugin fails.
        """
        card = known.card
        key = (card.plugin, card.name, tuple(targets))
        if key not in self._loaded:
            try:
                self._loaded[key] = self._build(known, targets)
            except (UnmixError, MemoryError):
                raise
            except (Exception, SystemExit) as error:
                raise ModelError(
                    f"the plugin {card.plugin} failed to load {card.name}: {sentence_of(error)}"
                ) from error
        return self._loaded[key]

    def _build(self, known: KnownModel, targets: Sequence[str]) -> Model:
        card = known.card
        plugin: Any = known.plugin
        if known.parts:
            models = []
            for part, member in zip(known.parts, card.members, strict=True):
                theirs = part.card.needed(member.targets_for(targets))
                models.append(self.load(part, theirs) if theirs else None)
            model: Model = plugin.assemble(card, models, targets)
            return model
        weights = self._files.get((card.plugin, card.name), {})
        more: tuple[str, ...] = ()
        if len(known.precisions) > 1:
            chosen = self._precision in known.precisions
            more = (self._precision if chosen else known.precisions[0],)
        model = plugin.load(card, weights, targets, self._device, *more)
        return model
