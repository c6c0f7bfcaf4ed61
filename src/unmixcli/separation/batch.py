"""Many recordings, one after the other: what is done is skipped, what fails is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.formats import Encoding
from ..audio.reading import Excerpt, open_excerpt
from ..errors import UnmixError
from ..models.default import choose_model, likely_card
from ..models.interface import Progress
from ..models.registry import Registry
from ..options.config import AUTO, SeparationConfig
from ..stems.destination import Destination
from ..stems.manifest import Recipe
from ..stems.names import Claims, Namer
from ..words import display
from .inputs import STDIN, Found, find_recordings, spool
from .plan import Plan

if TYPE_CHECKING:
    from ..models.store import Report
    from .separator import SeparatedTrack, Separator

log = logging.getLogger("unmixcli")

Watch = Callable[[Excerpt], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Skipped:
    """A recording whose stems were there already."""

    stems: dict[str, Path]


@dataclass(frozen=True)
class Outcome:
    """What came of one recording.

    Attributes
    ----------
    source : str or None
        What was asked for; None if that was nothing that could be opened.
    result : SeparatedTrack, Skipped or UnmixError
    """

    source: str | None
    result: SeparatedTrack | Skipped | UnmixError


class Batch:
    """A run over recordings.

    Parameters
    ----------
    config : SeparationConfig
    load : callable
        Returns a loaded model; called when there is something to separate.
    watch : callable
        Takes an `Excerpt` and returns a context manager that gives the
        callback for its progress.
    fetching : callable
        Returns a context manager that gives the callback for what is fetched
        while a model is chosen, see `unmixcli.models.store.FetchEvent`.

    Attributes
    ----------
    problems : list of Problem
        Plugins and tables of catalogues that were left out.
    place : str
        Of the recording in work among all, such as ``3/100``; empty for one.

    Raises
    ------
    UsageError
        If the options make no sense for the model.
    ModelError
        If there is no such model.
    """

    def __init__(
        self,
        config: SeparationConfig,
        load: Callable[[SeparationConfig], Separator],
        watch: Watch,
        fetching: Callable[[], AbstractContextManager[Report]],
    ) -> None:
        Encoding.of(config)
        self._config = config
        self._load = load
        self._watch = watch
        self._fetching = fetching
        self._registry = Registry()
        self.problems = self._registry.problems
        self._card = likely_card(self._registry, config.model)
        self._plan = Plan.of(config, self._card.targets)
        self._namer = Namer.of(config, self._card.name, self._plan.names)
        self._claims = Claims()
        self._separator: Separator | None = None
        self.place = ""

    def run(self, inputs: Iterable[str | Path]) -> Iterator[Outcome]:
        """Separate recordings; a failure of one does not stop the next.

        Parameters
        ----------
        inputs : iterable of str or Path
            See `unmixcli.separation.inputs.find_recordings`.

        Yields
        ------
        Outcome
            One for each recording, as soon as it is done.

        Raises
        ------
        ModelError
            If the model cannot be loaded.
        """
        everything = find_recordings(inputs)
        for number, found in enumerate(everything, start=1):
            self.place = f"{number}/{len(everything)}" if len(everything) > 1 else ""
            if isinstance(found, UnmixError):
                yield Outcome(None, found)
                continue
            source = str(found.path)
            try:
                opened = self._open(found)
            except UnmixError as error:
                yield Outcome(source, error)
                continue
            if isinstance(opened, Skipped):
                yield Outcome(source, opened)
                continue
            # Not before there is something to separate: it may have to be fetched.
            self._separator = self._separator or self._load(self._config)
            yield Outcome(source, self._separate(self._separator, *opened))

    def _open(self, found: Found) -> tuple[Excerpt, Destination] | Skipped:
        if found.path is STDIN or found.path.exists():
            self._choose_model()
        config = self._config
        content = None
        path = found.path
        if path is STDIN:
            content, path = spool(config.temp_dir), Path("stdin")
        destination = Destination.of(
            config, self._plan, self._namer, path, content, found.subfolder
        )
        self._claims.claim(path, destination.stems.values())
        if config.skip_existing and not destination.missing(self._recipe):
            return Skipped(destination.stems)
        recording = open_excerpt(path, config.start, config.duration, config.temp_dir, content)
        return recording, destination

    def _choose_model(self) -> None:
        """Settle on a model, once there is something that needs one."""
        config = self._config
        if config.model != AUTO:
            return
        with self._fetching() as report:
            model = choose_model(
                self._registry,
                config.model,
                self._plan.targets,
                offline=config.offline,
                progress=report,
            )
        self._config = config.model_copy(update={"model": model})
        self._card = self._registry.resolve(model).card
        self._namer = Namer.of(self._config, self._card.name, self._plan.names)

    def _separate(
        self, separator: Separator, recording: Excerpt, destination: Destination
    ) -> SeparatedTrack | UnmixError:
        try:
            with self._watch(recording) as progress:
                return separator.separate_file(recording, progress, destination=destination)
        except UnmixError as error:
            return error
        except Exception as error:  # a model's own failure is no reason to give up the others
            log.debug("separating failed", exc_info=True)
            words = " ".join(f"{type(error).__name__}: {error}".split())
            return UnmixError(f"{display(recording.path)} could not be separated: {words}")

    @cached_property
    def _recipe(self) -> Recipe:
        return Recipe.of(self._config, self._card, self._plan.targets, self._plan.names)
