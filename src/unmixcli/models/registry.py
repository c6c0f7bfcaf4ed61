"""Which models there are: plugins by their entry points, names and folders to models.

The plugins that ship come through the same door as anyone else's. A plugin or
a table that is broken is set aside as a `Problem` and breaks nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import FetchError, ModelError, UnmixError
from ..files import paths
from .cards import ModelCard, make_card, read_tables, shipped_names
from .known import Resolved, nearest
from .store import Report, Store, silent

if TYPE_CHECKING:
    from .interface import Model, Plugin

GROUP = "unmixcli.models"
"""The entry point group that plugins register in."""

_US = "unmixcli"


@dataclass(frozen=True)
class Problem:
    """A plugin or a table of a catalogue that was left out, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class Registry:
    """The models of the installed plugins and of the user's own catalogue.

    Parameters
    ----------
    store : Store, optional
        Where weights live; by default the user's.
    entry_points : iterable of EntryPoint, optional
        The plugins; by default all that are installed.

    Attributes
    ----------
    models : list of Resolved
        Every model that can be named, those that ship first.
    problems : list of Problem
        What was left out.
    """

    def __init__(
        self,
        store: Store | None = None,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
    ) -> None:
        self.store = store or Store()
        self.models: list[Resolved] = []
        self.problems: list[Problem] = []
        self._plugins: dict[str, tuple[Plugin, bool]] = {}
        if entry_points is None:
            entry_points = metadata.entry_points(group=GROUP)
        # Ours first, so that no other distribution can take a shipped plugin's name.
        for entry in sorted(entry_points, key=lambda entry: (not _is_ours(entry), entry.name)):
            self._add_plugin(entry)
        self._sort_shipped()
        self._add_user_catalogue(paths.user_catalogue())

    def resolve(self, model: str) -> Resolved:
        """Find a model by its name, as ``PLUGIN:NAME``, or in a folder.

        A known name wins over a folder of that name: ``./NAME`` is the folder.

        Raises
        ------
        ModelError
            If there is no such model, with the nearest name, or several.
        """
        found = [known for known in self.models if model in _keys(known)]
        # A name that ships means the shipped model, whoever else may use it.
        shipped = [known for known in found if known.shipped]
        if len(found) == 1 or shipped:
            return (shipped or found)[0]
        if found:
            raise ModelError(
                f"several plugins have a model {model!r}: say {' or '.join(map(_full, found))}"
            )
        folder = paths.expand(model)
        if _is_folder(folder):
            return self._resolve_folder(folder)
        if any(separator in model for separator in (os.sep, os.altsep) if separator):
            raise ModelError(f"there is no folder {model} with a model")
        raise ModelError(self._unknown(model))

    def built_in(self, targets: Sequence[str] = ()) -> Resolved | None:
        """Return a model that comes with the program, weights and all, and has these targets."""
        for known in self.models:
            files = known.card.weights
            inside = bool(files) and all(weights.package_file for weights in files)
            if known.shipped and inside and set(targets) <= set(known.card.targets):
                return known
        return None

    def load_model(
        self,
        model: str,
        targets: Sequence[str] = (),
        device: str = "cpu",
        *,
        offline: bool = False,
        progress: Report | None = None,
        options: Mapping[str, str] | None = None,
    ) -> tuple[ModelCard, Model]:
        """Load a model with its weights, fetching those that the targets need.

        Parameters
        ----------
        model : str
            Its name or folder, see `resolve`.
        targets : sequence of str
            Targets to estimate; empty for all that the model has.
        device : str
            A torch device.
        offline : bool
            Fail rather than use the network.
        progress : callable, optional
            Takes a `FetchEvent` whenever the fetching has something to tell.
        options : mapping of str to str, optional
            Options that only this model has, checked before anything is fetched.

        Raises
        ------
        ModelError
            If the model is unknown, or its weights cannot be had or are not right.
        UsageError
            If it has no such target or option.
        """
        known = self.resolve(model)
        wanted = known.pick_targets(targets)
        known.check_options(options or {})
        card = known.card
        if check := getattr(known.plugin, "check", None):
            check(card)
        try:
            weights = self.store.ensure(
                card,
                card.files_for(wanted),
                offline=offline,
                report=silent if progress is None else progress,
            )
        except FetchError as error:
            raise FetchError(f"{error}{self._instead(card)}", error.reason) from None
        try:
            return card, known.plugin.load(card, weights, wanted, device)
        except (UnmixError, MemoryError):
            raise
        except Exception as error:
            raise ModelError(
                f"the plugin {card.plugin} failed to load {card.name}: {_words(error)}"
            ) from error

    def _add_plugin(self, entry: metadata.EntryPoint) -> None:
        source = f"plugin {entry.name} ({_distribution(entry)})"
        try:
            if entry.name in self._plugins:
                raise ModelError("another plugin has this name already")
            plugin: Plugin = entry.load()
            cards = list(plugin.cards())
            _check(entry.name, plugin, cards)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also a SystemExit at import is no reason to end
            self.problems.append(Problem(source, _words(error)))
            return
        self._plugins[entry.name] = (plugin, _is_ours(entry))
        self.models += [Resolved(card, plugin, _is_ours(entry)) for card in cards]

    def _sort_shipped(self) -> None:
        """Put the models that ship first, in the order of their catalogue."""
        order = {name: place for place, name in enumerate(shipped_names())}
        self.models.sort(
            key=lambda known: (
                order.get(known.card.name, len(order)) if known.shipped else len(order)
            )
        )

    def _add_user_catalogue(self, path: Path) -> None:
        if not path.is_file():
            return
        known = {key: model.card for model in reversed(self.models) for key in _keys(model)}
        try:
            for name, table in read_tables(path):
                self._add_user_model(path, name, table, known)
        except ModelError as error:
            self.problems.append(Problem("your catalogue", str(error)))

    def _add_user_model(
        self, path: Path, name: str, table: Mapping[str, Any], known: dict[str, ModelCard]
    ) -> None:
        where = f"{path}, table [{name}]"
        try:
            card = make_card(path, name, table, known)
            if card.plugin not in self._plugins:
                there = ", ".join(self._plugins) or "none"
                raise ModelError(
                    f"{where}, key plugin: there is no plugin {card.plugin!r}, there is {there}"
                )
            # Ignoring case, as some file systems do: the two would share a folder.
            if any(
                model.card.name.casefold() == name.casefold()
                for model in self.models
                if model.shipped or model.card.plugin == card.plugin
            ):
                raise ModelError(f"{where}: a model has this name already, choose another")
        except ModelError as error:
            self.problems.append(Problem("your catalogue", str(error)))
            return
        known.setdefault(name, card)
        self.models.append(Resolved(card, self._plugins[card.plugin][0]))

    def _resolve_folder(self, folder: Path) -> Resolved:
        for plugin, shipped in self._plugins.values():
            recognise = getattr(plugin, "folder_card", None)
            card = recognise(folder) if recognise else None
            if card is not None:
                return Resolved(card, plugin, shipped)
        raise ModelError(f"no installed plugin knows the model in the folder {folder}")

    def _unknown(self, model: str) -> str:
        names = [_full(known) if ":" in model else known.card.name for known in self.models]
        hint = nearest(model, names) or "; see `unmix models list`"
        for problem in self.problems:  # perhaps it is one of those that were left out
            if model in str(problem):
                hint = f"; left out was {problem}"
        return f"there is no model {model!r}{hint}"

    def _instead(self, card: ModelCard) -> str:
        """Name a model that needs no network, as the way out of a failed fetch."""
        own = self.built_in()
        return f"; or use --model {own.card.name}, which needs no download" if own else ""


def _check(name: str, plugin: Plugin, cards: Sequence[ModelCard]) -> None:
    options = getattr(plugin, "options", None)
    if options is not None and not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise ModelError("its options are no pydantic model")
    names: set[str] = set()
    for card in cards:
        if card.plugin != name:
            raise ModelError(f"its card {card.name} says that it is of the plugin {card.plugin}")
        if card.name.casefold() in names:
            raise ModelError(f"it has two models of the name {card.name}")
        names.add(card.name.casefold())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have
        return False


def _is_ours(entry: metadata.EntryPoint) -> bool:
    return entry.value.split(".")[0] == _US and _distribution(entry) == _US


def _distribution(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "unknown package"


def _full(known: Resolved) -> str:
    return f"{known.card.plugin}:{known.card.name}"


def _keys(known: Resolved) -> tuple[str, str]:
    return known.card.name, _full(known)


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, UnmixError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
