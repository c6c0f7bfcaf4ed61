"""Turn the table of a chain into its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ModelError, UsageError
from ...options.mixes import MIXTURE, parse_sum
from ...words import twin
from ..cards import Member, ModelCard
from ..known import KnownModel
from .ensemble_card import Find
from .tables import ChainTable, StageTable, check_targets, make_card, read_table


@dataclass
class _Stage:
    """A stage, while its chain is being composed."""

    number: int
    table: StageTable
    part: KnownModel
    names: dict[str, str]
    """Its targets, and their names in the chain."""
    terms: list[tuple[float, int, str]]
    """Its input: for each term the gain, the stage (-1 for the mixture) and the stem's name."""
    keep: tuple[str, ...] = ()

    @property
    def sources(self) -> set[int]:
        return {source for _, source, _ in self.terms if source >= 0}


def compose_chain(
    name: str, table: Mapping[str, Any], find: Find
) -> tuple[ModelCard, tuple[KnownModel, ...]]:
    """Build the card of a chain.

    Parameters
    ----------
    name : str
    table : mapping
        The table in a catalogue.
    find : callable

    Returns
    -------
    card : ModelCard
        Its ``parameters`` are the stages in the order of running; its members
        are the models of the stages.
    parts : tuple of KnownModel
        The models of the stages, in that order.

    Raises
    ------
    ModelError
        If a model is unknown, a stage reads a stem that no other stage produces,
        stages depend on each other in a loop, or two outputs have the same name.
    """
    chain = read_table(ChainTable, name, table)
    stages = [_begin(name, k, stage, find) for k, stage in enumerate(chain.stages)]
    for stage in stages:
        stage.terms = _terms(name, stage, stages)
    ordered = _in_order(name, stages)
    _settle_keep(name, stages)
    place = {stage.number: k for k, stage in enumerate(ordered)}
    targets = [kept for stage in stages for kept in stage.keep]
    members = [
        Member(card=stage.part.card, serves=_serves(stage, stages), options=stage.table.options)
        for stage in ordered
    ]
    parameters = {
        "stages": [
            {
                "input": [[gain, place.get(source, -1), own] for gain, source, own in stage.terms],
                "names": stage.names,
                "keep": list(stage.keep),
            }
            for stage in ordered
        ]
    }
    parts = tuple(stage.part for stage in ordered)
    card = make_card(name, "chain", chain, parts, members, targets=targets, parameters=parameters)
    return card, parts


def _begin(name: str, number: int, table: StageTable, find: Find) -> _Stage:
    part = find(table.model)
    check_targets(name, f"stage {number + 1}", part, table.names)
    part.validate_options(table.options, {})
    names = {own: table.names.get(own, own) for own in part.card.targets}
    if double := twin(names.values()):
        raise ModelError(f"{name}, stage {number + 1}: two stems would be called {double!r}")
    for kept in table.keep or ():
        if kept not in names.values():
            raise ModelError(
                f"{name}, stage {number + 1}: it has no stem {kept!r} to keep, only "
                f"{', '.join(names.values())}"
            )
    return _Stage(number, table, part, names, [])


def _terms(name: str, stage: _Stage, stages: Sequence[_Stage]) -> list[tuple[float, int, str]]:
    """Work out the input of a stage."""
    where = f"{name}, stage {stage.number + 1}"
    there = {own for other in stages if other is not stage for own in other.names.values()}
    try:
        terms = parse_sum("input", stage.table.input, sorted(there))
    except UsageError:
        raise ModelError(
            f"{where}: no other stage produces {stage.table.input!r}; available: "
            f"{', '.join([MIXTURE, *sorted(there)])}"
        ) from None
    found = []
    for gain, term in terms:
        if term == MIXTURE:
            found.append((gain, -1, MIXTURE))
            continue
        makers = [s for s in stages if s is not stage and term in s.names.values()]
        # If only one of several stems with this name is kept, use that one.
        makers = [s for s in makers if s.table.keep is None or term in s.table.keep] or makers
        if not makers:
            raise ModelError(f"{where}: no other stage produces {term!r}")
        if len(makers) > 1:
            raise ModelError(
                f"{where}: several stages produce {term!r}; rename one with "
                f'names = {{{term} = "..."}}'
            )
        own = next(own for own, ours in makers[0].names.items() if ours == term)
        found.append((gain, makers[0].number, own))
    return found


def _settle_keep(name: str, stages: Sequence[_Stage]) -> None:
    """Decide which stems to output: the named ones, or all that no stage reads."""
    read = {(source, own) for stage in stages for _, source, own in stage.terms}
    for stage in stages:
        left = tuple(ours for own, ours in stage.names.items() if (stage.number, own) not in read)
        stage.keep = left if stage.table.keep is None else stage.table.keep
        if not stage.keep and not any(source == stage.number for source, _ in read):
            raise ModelError(f"{name}, stage {stage.number + 1}: none of its stems is used")
    targets = [kept for stage in stages for kept in stage.keep]
    if double := twin(targets):
        raise ModelError(
            f"{name}: two stages keep a stem called {double!r}; choose one with keep = [...], or "
            "rename one with names = {...}"
        )
    if not targets:
        raise ModelError(f"{name}: no stage keeps a stem")


def _in_order(name: str, stages: Sequence[_Stage]) -> list[_Stage]:
    """Sort the stages so that each runs after those that it reads from."""
    ordered: list[_Stage] = []
    waiting = list(stages)
    while waiting:
        done = {stage.number for stage in ordered}
        ready = next((stage for stage in waiting if stage.sources <= done), None)
        if ready is None:
            numbers = " and ".join(str(stage.number + 1) for stage in waiting)
            raise ModelError(f"{name}: a loop: stages {numbers} wait for each other's stems")
        ordered.append(ready)
        waiting.remove(ready)
    return ordered


def _serves(stage: _Stage, stages: Sequence[_Stage]) -> dict[str, tuple[str, ...]]:
    """Return, for each target of a stage, the outputs that need it."""
    serves = {}
    for own, ours in stage.names.items():
        needing = [ours] if ours in stage.keep else []
        for reader in stages:
            if any(term[1:] == (stage.number, own) for term in reader.terms):
                for targets in _serves(reader, stages).values():
                    needing += targets
        if needing:
            serves[own] = tuple(dict.fromkeys(needing))
    return serves
