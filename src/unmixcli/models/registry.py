"""All available models: find plugins by their entry points, and models by name or path.

The built-in plugins are found the same way as any other. A broken plugin or
table becomes a `Problem` and does not affect the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FetchError, ModelError
from ..files import paths
from ..words import nearest, sentence_of
from .cards import ModelCard
from .catalogue import (
    is_combination,
    make_card,
    read_tables,
    shipped_combinations,
    shipped_names,
)
from .combined.composing import Composer, MissingPart, average_of, name_of_sum, split_sum
from .discovery import GROUP, Problem, check_plugin, distribution, is_ours
from .known import KnownModel
from .loading import Files, Loader, check, named
from .store import Policy, Report, Store, silent

if TYPE_CHECKING:
    from .interface import Model, Plugin


class Registry:
    """The models of the installed plugins and of the user's catalogue.

    Parameters
    ----------
    store : Store, optional
        The store of the weights; by default the user's.
    entry_points : iterable of EntryPoint, optional
        The plugins; by default all installed ones.

    Attributes
    ----------
    models : list of KnownModel
        All models that can be named, the built-in ones first.
    problems : list of Problem
        Plugins and tables that could not be used.
    """

    def __init__(
        self,
        store: Store | None = None,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
    ) -> None:
        self.store = store or Store()
        self.models: list[KnownModel] = []
        self.problems: list[Problem] = []
        self._plugins: dict[str, tuple[Plugin, bool]] = {}
        if entry_points is None:
            entry_points = metadata.entry_points(group=GROUP)
        # Ours first, so that no other package can take a built-in plugin's name.
        for entry in sorted(entry_points, key=lambda entry: (not is_ours(entry), entry.name)):
            self._add_plugin(entry)
        self._add_combinations(shipped_combinations())
        self._sort_shipped()
        self._add_user_catalogue(paths.user_catalogue())

    def resolve(self, model: str) -> KnownModel:
        """Find a model by its name, by ``PLUGIN:NAME``, or by the path of a folder or file.

        A known name wins over a folder of that name; write ``./NAME`` for the folder.
        ``A+B`` is the average of two models.

        Raises
        ------
        ModelError
            If the model is unknown (the message suggests a name) or ambiguous.
        """
        found = [known for known in self.models if model in _keys(known)]
        # A built-in name always means the built-in model.
        shipped = [known for known in found if known.shipped]
        if len(found) == 1 or shipped:
            return (shipped or found)[0]
        if found:
            raise ModelError(
                f"several plugins have a model {model!r}: use {' or '.join(map(_full, found))}"
            )
        path = paths.expand(model)
        if _exists(path):
            return self._resolve_path(path)
        if known := self._on_the_spot(model):
            return known
        if any(separator in model for separator in (os.sep, os.altsep) if separator):
            raise ModelError(f"{model} does not exist")
        raise ModelError(self._unknown(model))

    def built_in(self, targets: Sequence[str] = ()) -> KnownModel | None:
        """Return a model whose weights come with the program and that has these targets."""
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
        precision: str = "float32",
        offline: bool = False,
        progress: Report | None = None,
    ) -> tuple[ModelCard, Model]:
        """Load a model; download the weights that the targets need.

        Parameters
        ----------
        model : str
            Its name or path; see `resolve`.
        targets : sequence of str
            Targets to estimate; empty for all of the model's targets.
        device : str
            A torch device.
        precision : str
            One of the plugin's ``precisions``.
        offline : bool
            Fail rather than use the network.
        progress : callable, optional
            Takes a `FetchEvent` while weights are downloaded.

        Raises
        ------
        ModelError
            If the model is unknown, or its weights are missing, unavailable or damaged.
        UsageError
            If the model does not have a target.
        """
        return self.load(
            self.resolve(model),
            targets,
            device,
            precision=precision,
            offline=offline,
            progress=progress,
        )

    def load(
        self,
        known: KnownModel,
        targets: Sequence[str] = (),
        device: str = "cpu",
        *,
        precision: str = "float32",
        offline: bool = False,
        progress: Report | None = None,
    ) -> tuple[ModelCard, Model]:
        """Load a model that was resolved before; see `load_model`."""
        wanted = known.pick_targets(targets)
        check(known)
        files = self.fetch(known, wanted, offline=offline, progress=progress)
        return known.card, Loader(files, device, precision).load(known, wanted)

    def fetch(
        self,
        known: KnownModel,
        targets: Sequence[str] = (),
        *,
        policy: Policy | None = None,
        offline: bool = False,
        progress: Report | None = None,
    ) -> Files:
        """Download the weights that targets need, including those of a combination's members.

        Raises
        ------
        FetchError
            If a file is missing and cannot be downloaded; the message names its model.
        ModelError
            If a file is damaged.
        """
        files: dict[tuple[str, str], dict[str, Path]] = {}
        report = silent if progress is None else progress
        jobs = list(known.card.holdings(targets or known.card.whole))
        store = Store(self.store.root, policy) if policy else self.store
        for outcome in store.fetch(jobs, offline=offline, report=report):
            card = outcome.card
            if isinstance(outcome.error, FetchError):
                instead = self._instead(known.card)
                raise FetchError(f"{outcome.error}{instead}", outcome.error.reason)
            if outcome.error is not None:
                raise outcome.error
            assert outcome.path is not None
            files.setdefault((card.plugin, card.name), {})[outcome.weights.file] = outcome.path
        return files

    def _add_plugin(self, entry: metadata.EntryPoint) -> None:
        source = f"plugin {entry.name} ({distribution(entry)})"
        try:
            if entry.name in self._plugins:
                raise ModelError("another plugin already has this name")
            plugin: Plugin = entry.load()
            cards = list(plugin.cards())
            check_plugin(entry.name, plugin, cards)
        except (Exception, SystemExit) as error:  # exit() at import must not end the program
            self.problems.append(Problem(source, sentence_of(error)))
            return
        self._plugins[entry.name] = (plugin, is_ours(entry))
        self.models += [KnownModel(card, plugin, is_ours(entry)) for card in cards]

    def _sort_shipped(self) -> None:
        """Put the built-in models first, in the order of their catalogue."""
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
        combinations: dict[str, Mapping[str, Any]] = {}
        try:
            for name, table in read_tables(path):
                if is_combination(table):
                    combinations[name] = table
                else:
                    self._add_user_model(path, name, table, known)
            self._add_combinations(combinations, str(path))
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
                    f"{where}, key plugin: unknown plugin {card.plugin!r}; installed: {there}"
                )
            self._refuse_twin(where, card)
        except ModelError as error:
            self.problems.append(Problem("your catalogue", str(error)))
            return
        known.setdefault(name, card)
        self.models.append(KnownModel(card, self._plugins[card.plugin][0]))

    def _refuse_twin(self, where: str, card: ModelCard) -> None:
        # Ignoring case: on some file systems the two would share a folder.
        if any(
            model.card.name.casefold() == card.name.casefold()
            for model in self.models
            if model.shipped or model.card.plugin == card.plugin
        ):
            raise ModelError(f"{where}: another model already has this name")

    def _add_combinations(self, tables: Mapping[str, Mapping[str, Any]], where: str = "") -> None:
        """Add the models of tables that combine others; `where` is the user's catalogue."""
        plugins = {name: plugin for name, (plugin, _) in self._plugins.items()}
        composer = Composer(tables, self.resolve, plugins, where)
        for name in tables:
            try:
                known = composer.compose(name)
                self._refuse_twin(f"{where}, table {name}", known.card)
            except ModelError as error:
                # Without one of our plugins, as in a test, skip the models that need it.
                if where or not isinstance(error, MissingPart):
                    self.problems.append(
                        Problem("your catalogue" if where else "catalogue", str(error))
                    )
                continue
            self.models.append(known)

    def _on_the_spot(self, model: str) -> KnownModel | None:
        """Make the ensemble ``a+b+c``: the average of what all its members estimate."""
        named = {key: known for known in self.models for key in _keys(known)}
        if "ensemble" not in self._plugins or not (names := split_sum(model, named)):
            return None
        parts = [self.resolve(name) for name in names]
        return self.compose(name_of_sum(parts), {"members": names})

    def compose(self, name: str, table: Mapping[str, Any]) -> KnownModel:
        """Build a model from a table with ``members`` or ``stages``.

        Raises
        ------
        ModelError
            If the table is wrong or names an unknown model.
        """
        plugins = {kind: plugin for kind, (plugin, _) in self._plugins.items()}
        return Composer({name: table}, self.resolve, plugins).compose(name)

    def averaged(self, known: KnownModel) -> KnownModel:
        """Return an ensemble of one model with itself, under its name."""
        return average_of(known, self._plugins["ensemble"][0])

    def _resolve_path(self, path: Path) -> KnownModel:
        """Find the plugin that recognises the model in a folder or file."""
        kind = "folder_card" if path.is_dir() else "file_card"
        refused: ModelError | None = None
        for name, (plugin, shipped) in self._plugins.items():
            recognise = getattr(plugin, kind, None)
            try:
                with named(name, f"look at {path}"):
                    card = recognise(path) if recognise else None
            except ModelError as error:  # another plugin may recognise it
                refused = refused or error
                continue
            if card is not None:
                return KnownModel(card, plugin, shipped)
        raise refused or ModelError(f"no installed plugin recognises the model in {path}")

    def _unknown(self, model: str) -> str:
        names = [_full(known) if ":" in model else known.card.name for known in self.models]
        hint = nearest(model, names) or "; see `unmix models list`"
        for problem in self.problems:  # the name may be one that could not be used
            if model in str(problem):
                hint = f"; it could not be used: {problem}"
        return f"unknown model {model!r}{hint}"

    def _instead(self, card: ModelCard) -> str:
        """Suggest a model that needs no network, after a failed download."""
        own = self.built_in()
        return f"; or use --model {own.card.name}, which needs no download" if own else ""


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # not a valid file name
        return False


def _full(known: KnownModel) -> str:
    return f"{known.card.plugin}:{known.card.name}"


def _keys(known: KnownModel) -> tuple[str, str]:
    return known.card.name, _full(known)
