"""Load known models from the files of their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, UnmixError
from ..words import sentence_of
from .known import KnownModel

if TYPE_CHECKING:
    from .interface import Model

Files = Mapping[tuple[str, str], Mapping[str, Path]]
"""For each model, by plugin and name: its files, by their names in its card."""


@contextmanager
def named(plugin: str, work: str) -> Iterator[None]:
    """Name the plugin if it fails at some work with any error but one of ours."""
    try:
        yield
    except (UnmixError, MemoryError):
        raise
    # A plugin must not end the program, not even by calling exit().
    except (Exception, SystemExit) as error:
        raise ModelError(f"the plugin {plugin} failed to {work}: {sentence_of(error)}") from error


def check(known: KnownModel) -> None:
    """Let the plugins of a model and of its parts refuse models that cannot work here.

    Raises
    ------
    ModelError
        If a plugin refuses, or fails.
    """
    if refuse := getattr(known.plugin, "check", None):
        with named(known.card.plugin, f"check {known.card.name}"):
            refuse(known.card)
    for part in known.parts:
        check(part)


class Loader:
    """Loads models; identical parts are loaded once and shared.

    Parameters
    ----------
    files : mapping
        The weights on this machine.
    device : str
        A torch device.
    precision : str
        Precision of the networks, if the plugin supports it; otherwise float32.
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
            If a file does not match the card, or a plugin fails.
        """
        card = known.card
        key = (card.plugin, card.name, tuple(targets))
        if key not in self._loaded:
            with named(card.plugin, f"load {card.name}"):
                self._loaded[key] = self._build(known, targets)
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
