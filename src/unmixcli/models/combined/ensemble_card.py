"""From the table of an ensemble to its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import ModelError
from ..cards import Member, ModelCard
from ..known import KnownModel
from .tables import WEIGHTED, EnsembleTable, MemberTable, check_targets, make_card, read_table

Find = Callable[[str], KnownModel]
"""From the name of a model to what is known of it."""


def compose_ensemble(
    name: str, table: Mapping[str, Any], find: Find
) -> tuple[ModelCard, tuple[KnownModel, ...]]:
    """Make the card of an ensemble.

    Parameters
    ----------
    name : str
    table : mapping
        As a catalogue has it.
    find : callable

    Returns
    -------
    card : ModelCard
        Its ``parameters`` are the method and, by target, what each member counts.
    parts : tuple of KnownModel
        Its members.

    Raises
    ------
    ModelError
        If a member is unknown or has no such target, no target is common to
        all, or nothing counts for a target.
    """
    ensemble = read_table(EnsembleTable, name, table)
    parts = tuple(find(member.model) for member in ensemble.members)
    named = [_names(name, m, part) for m, part in zip(ensemble.members, parts, strict=True)]
    targets = ensemble.targets or _common(name, ensemble.members, named)
    weights = {target: _weights(name, target, ensemble, named) for target in targets}
    members = []
    for k, (member, part, names) in enumerate(zip(ensemble.members, parts, named, strict=True)):
        part.validate_options(member.options, {})
        serves = {
            own: (ours,) for own, ours in names.items() if ours in weights and weights[ours][k]
        }
        members.append(Member(card=part.card, serves=serves, options=member.options))
    parameters: dict[str, Any] = {"method": ensemble.method, "weights": weights}
    if ensemble.method == "phase-repair":
        parameters |= {"low": ensemble.low, "high": ensemble.high}
    card = make_card(
        name,
        "ensemble",
        ensemble,
        parts,
        members,
        targets=targets,
        rest=_rest(ensemble, parts, named, targets),
        parameters=parameters,
    )
    return card, parts


def _names(name: str, member: MemberTable, part: KnownModel) -> dict[str, str]:
    """Return what each target of a member is called in the ensemble."""
    check_targets(name, "key members", part, member.targets)
    names = {own: member.targets.get(own, own) for own in part.card.targets}
    ours = list(names.values())
    for target in ours:
        if ours.count(target) > 1:
            raise ModelError(
                f"{name}, key members: two targets of {part.card.name} would be called {target!r}"
            )
    if isinstance(member.weights, dict):
        for target in member.weights:
            if target not in ours:
                raise ModelError(
                    f"{name}, key members: weights of {part.card.name} speak of {target!r}, "
                    f"it has {', '.join(ours)}"
                )
    return names


def _common(
    name: str, members: Sequence[MemberTable], named: Sequence[Mapping[str, str]]
) -> tuple[str, ...]:
    """Return the targets that all members have, in the order of the first."""
    common = tuple(
        target
        for target in named[0].values()
        if all(target in names.values() for names in named[1:])
    )
    if common:
        return common
    has = "; ".join(
        f"{member.model} has {', '.join(names.values())}"
        for member, names in zip(members, named, strict=True)
    )
    raise ModelError(
        f"{name}: its models have no target in common: {has}; a table in a models.toml can say "
        'which is which, with targets = {theirs = "ours"}'
    )


def _weights(
    name: str, target: str, ensemble: EnsembleTable, named: Sequence[Mapping[str, str]]
) -> list[float]:
    """Return what each member counts for a target."""
    weights = [
        0.0
        if target not in names.values()
        else member.weights.get(target, 1.0)
        if isinstance(member.weights, dict)
        else member.weights
        for member, names in zip(ensemble.members, named, strict=True)
    ]
    if not any(weights):
        has = any(target in names.values() for names in named)
        why = "all weights are zero" if has else "no member has it"
        raise ModelError(f"{name}: nothing counts for the target {target}: {why}")
    if ensemble.method not in WEIGHTED and not set(weights) <= {0, 1}:
        raise ModelError(
            f"{name}: the method {ensemble.method} takes only the weights 0 and 1, "
            f"unlike {' and '.join(sorted(WEIGHTED))}"
        )
    if ensemble.method == "phase-repair" and not all(weights):
        raise ModelError(f"{name}: phase-repair needs both members for the target {target}")
    return weights


def _rest(
    ensemble: EnsembleTable,
    parts: Sequence[KnownModel],
    named: Sequence[Mapping[str, str]],
    targets: Sequence[str],
) -> str | None:
    """Return the rest of an ensemble, if the average of its members' rests is just that."""
    rests = {names.get(part.card.rest or "") for part, names in zip(parts, named, strict=True)}
    rest = rests.pop()
    if rests or rest not in targets or len(targets) < 2:
        return None
    plain = all(m.weights == ensemble.members[0].weights for m in ensemble.members) and not any(
        isinstance(member.weights, dict) for member in ensemble.members
    )
    whole = all(set(names.values()) == set(targets) for names in named)
    linear = ensemble.method == "average" or len(parts) == 1
    return rest if plain and whole and linear else None
