"""Groups of models by what they give, for lists that people choose from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .cards import NOT_STATED, ModelCard
from .goals import goals
from .known import KnownModel


@dataclass(frozen=True)
class Group:
    """Models that give about the same.

    Attributes
    ----------
    title : str
    judged_by : tuple of str
        The targets whose mean SDR compares its models; empty if they have none in common.
    goal : str
        The goal whose order is theirs.
    """

    title: str
    judged_by: tuple[str, ...] = ()
    goal: str = ""


_VOICE = Group("vocals and instrumental", ("vocals",), "acapella")
_STEMS = Group("four stems", ("vocals", "drums", "bass", "other"), "stems")
_MORE = Group("six and more stems", (), "six-stems")
_DRUMS = Group("parts of drums", ("kick", "snare", "toms", "hihat"), "drum-parts")
_LEAD = Group("lead and backing vocals", ("lead-vocals",), "lead-vocals")
_CLEANING = Group("cleaning", (), "cleaning")
_SPEECH = Group("speech", ("speech",), "cleaning")
_OTHERS = Group("others")

GROUPS = (_VOICE, _STEMS, _MORE, _DRUMS, _LEAD, _CLEANING, _SPEECH, _OTHERS)


def group_of(card: ModelCard) -> Group:
    """Return the group of a model, which follows from its targets."""
    targets = set(card.targets)
    # A chain that ends in cleaning may call its result vocals.
    cleaned = len(targets) == 1 and any(group_of(m.card) is _CLEANING for m in card.members)
    rules = [
        ("speech" in targets, _SPEECH),
        (cleaned or targets & {"clean", "dry", "noise", "reverb"}, _CLEANING),
        (len(targets) > len(_STEMS.judged_by) and {"vocals", "bass"} <= targets, _MORE),
        (targets >= {"kick", "snare"}, _DRUMS),
        ("lead-vocals" in targets, _LEAD),
        (targets & {"drums", "bass"}, _STEMS),
        ("vocals" in targets, _VOICE),
    ]
    return next((group for fits, group in rules if fits), _OTHERS)


def recommended(group: Group, models: Sequence[KnownModel]) -> list[KnownModel]:
    """Sort the models of a group: those that its goal recommends, best first, then the others."""
    order = [choice.model for choice in goals()[group.goal].choices] if group.goal else []
    places = {name: place for place, name in enumerate(order)}
    return sorted(
        models,
        key=lambda known: places.get(known.card.name, len(order)) if known.shipped else len(order),
    )


def figure(card: ModelCard, group: Group) -> tuple[float, tuple[str, ...]] | None:
    """Return a model's mean SDR in dB and the targets it is the mean of; None if unknown.

    These are the targets that the group is judged by, or all with a figure if it lacks some
    of them.
    """
    named = group.judged_by
    if not named or not set(named) <= set(card.quality):
        named = tuple(card.quality)
    return (sum(card.quality[name] for name in named) / len(named), named) if named else None


def yardstick(card: ModelCard) -> str:
    """Return the short name of what a model's quality was measured on; empty without one."""
    if not card.quality:
        return ""
    if not card.quality_on:
        return "MUSDB median"
    # Without a short name, the beginning of the description must do.
    return card.yardstick or re.split(r"[,;:]", card.quality_on)[0][:16].strip()


def licence_word(licence: str) -> str:
    """Put a licence in one word; the strictest one of several.

    >>> licence_word("CC BY-NC-SA 4.0"), licence_word("GPL-3.0; MIT"), licence_word("")
    ('NC', 'GPL', '-')
    """
    if not licence:
        return "-"
    words = [
        (NOT_STATED, "unstated"),
        ("research", "research"),
        ("NC", "NC"),
        ("GPL", "GPL"),
        ("CC BY", "CC-BY"),
        ("Apache", "Apache"),
        ("BSD", "BSD"),
        ("MIT", "MIT"),
    ]
    found = next((word for part, word in words if part in licence), None)
    return found or licence.split(maxsplit=1)[0][:10]
