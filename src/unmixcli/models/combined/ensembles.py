"""Run an ensemble: several models on one mixture, combined block by block."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

from ..cards import ModelCard
from ..interface import Block, Mixture, Model, Progress, Request
from ..known import PartsOptions
from .methods import combine
from .part import Part, finish
from .views import View, views_for


class Ensemble:
    """Several models as one; see `unmixcli.models.interface.Model`.

    Parameters
    ----------
    card : ModelCard
    models : sequence of Model or None
        The models of the card's members; None for one that no wanted target needs.
    targets : sequence of str
        The wanted targets.
    """

    def __init__(
        self, card: ModelCard, models: Sequence[Model | None], targets: Sequence[str]
    ) -> None:
        self.targets = tuple(targets)
        self.sample_rate = card.sample_rate
        self.channels = card.channels
        settings = dict(card.parameters)
        self._method: str = settings.pop("method")
        weights = settings.pop("weights")
        self._settings = settings
        self._members: list[tuple[int, Part]] = []
        self._weights: list[list[float]] = []
        """For each member in use, its weight for each of the targets."""
        self._rows: list[list[int]] = []
        """For each member in use, the index of its stem for each of the targets."""
        for k, (member, model) in enumerate(zip(card.members, models, strict=True)):
            if model is None:
                continue
            theirs = member.targets_for(targets)
            ours = [member.serves[own][0] for own in theirs]
            self._members.append((k, Part(member.card, model, theirs)))
            self._weights.append([weights[target][k] for target in targets])
            self._rows.append([ours.index(t) if t in ours else -1 for t in targets])

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        options: PartsOptions = request.options
        views = views_for(options.own, mixture)  # type: ignore[arg-type]
        share = _Share(len(views) * len(self._members), progress)
        with ExitStack() as stack:
            streams: list[Iterator[Block]] = []
            everything: list[Generator[Block, None, None]] = []
            for k, part in self._members:
                runs = [
                    part.separate(view.of(mixture), options.parts[k], request.temp_dir, share.one())
                    for view in views
                ]
                everything += [stack.enter_context(closing(run)) for run in runs]
                streams.append(_averaged(runs, views, mixture, len(part.targets)))
            if len(streams) == 1 and self._rows[0] == list(range(len(self.targets))):
                yield from streams[0]
                finish(everything)
                return
            choices = [
                [
                    (place, rows[target], weights[target])
                    for place, (rows, weights) in enumerate(
                        zip(self._rows, self._weights, strict=True)
                    )
                    if rows[target] >= 0 and weights[target]
                ]
                for target in range(len(self.targets))
            ]
            yield from combine(
                streams,
                choices,
                mixture.length,
                self.sample_rate,
                self._method,
                **self._settings,
            )
            finish(everything)


def _averaged(
    runs: Sequence[Iterator[Block]], views: Sequence[View], mixture: Mixture, stems: int
) -> Iterator[Block]:
    """Average a model's estimates for several views of a mixture."""
    length = mixture.length
    if len(runs) == 1:
        return runs[0]
    streams = [view.undo(run, length) for run, view in zip(runs, views, strict=True)]
    choices = [[(k, stem, 1.0) for k in range(len(runs))] for stem in range(stems)]
    return combine(streams, choices, length, mixture.sample_rate, "average")


class _Share:
    """Combines the progress of several parallel separations."""

    def __init__(self, count: int, progress: Progress) -> None:
        self._done: list[float] = []
        self._count = count
        self._progress = progress

    def one(self) -> Progress:
        """Return the callback for one of them."""
        place = len(self._done)
        self._done.append(0.0)

        def report(stage: str, fraction: float) -> None:
            self._done[place] = fraction
            self._progress(stage, sum(self._done) / self._count)

        return report
