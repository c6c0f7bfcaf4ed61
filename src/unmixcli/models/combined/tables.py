"""The tables of a catalogue that describe ensembles and chains, and what both have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ...errors import ModelError
from ...words import nearest
from ..cards import NOT_STATED, Member, ModelCard, Name
from ..known import KnownModel

Method = Literal[
    "average",
    "median",
    "mean-spectrum",
    "median-spectrum",
    "max-spectrum",
    "min-spectrum",
    "phase-repair",
]
WEIGHTED = frozenset(("average", "mean-spectrum"))
"""The methods in which a member may count more than another."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _model_alone(value: Any) -> Any:
    """Accept the name of a model for a table that names nothing else."""
    return {"model": value} if isinstance(value, str) else value


def _words(value: Any) -> Any:
    """Write numbers and truths of a table of options as one would type them."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: str(item).lower() if isinstance(item, bool) else str(item)
        for key, item in value.items()
    }


Options = Annotated[dict[str, str], BeforeValidator(_words)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberTable(_Table):
    """A member of an ensemble."""

    model: str
    weights: Weight | dict[Name, Weight] = 1.0
    """What it counts, for all targets or by target."""
    targets: dict[Name, Name] = {}
    """What its targets are called in the ensemble, where that differs."""
    options: Options = {}


class StageTable(_Table):
    """A stage of a chain."""

    model: str
    input: str = "mixture"
    """What it reads: the mixture, a stem of another stage, or a sum of these."""
    names: dict[Name, Name] = {}
    """What its targets are called in the chain, where that differs."""
    keep: tuple[Name, ...] | None = None
    """The stems to put out, by their names in the chain; not given, all that no stage reads."""
    options: Options = {}


class Described(_Table):
    """What the table of a combination may say of the whole."""

    plugin: str = ""
    title: str = ""
    licence: str | None = None
    restriction: str | None = None
    provenance: str = ""
    quality: dict[Name, float] = {}
    quality_on: str = ""


class EnsembleTable(Described):
    """An ensemble."""

    members: tuple[Annotated[MemberTable, BeforeValidator(_model_alone)], ...] = Field(min_length=1)
    method: Method = "average"
    targets: tuple[Name, ...] = ()
    """Not given, those that all members have."""
    low: float = Field(default=500.0, ge=0, allow_inf_nan=False)
    high: float = Field(default=5000.0, gt=0, allow_inf_nan=False)
    """Of phase-repair, in Hz: where the second member's phase is taken."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "phase-repair":
            if len(self.members) != 2:
                raise ValueError("phase-repair takes two members: magnitudes, then phases")
            if self.low >= self.high:
                raise ValueError("low must be below high")
        elif {"low", "high"} & self.model_fields_set:
            raise ValueError("low and high are for the method phase-repair")
        return self


class ChainTable(Described):
    """A chain."""

    stages: tuple[Annotated[StageTable, BeforeValidator(_model_alone)], ...] = Field(min_length=1)


_T = TypeVar("_T", bound=Described)


def read_table(kind: type[_T], name: str, table: Mapping[str, Any]) -> _T:
    """Check the form of a table.

    Raises
    ------
    ModelError
        At the first mistake, naming the key.
    """
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"]) or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        raise ModelError(f"{name}, key {key}: {message}") from None


def check_targets(name: str, who: str, known: KnownModel, given: Mapping[str, Any]) -> None:
    """Raise `ModelError` if a table speaks of a target that a model does not have."""
    for target in given:
        if target not in known.card.targets:
            raise ModelError(
                f"{name}, {who}: {known.card.name} has no target {target!r}, only "
                f"{', '.join(known.card.targets)}{nearest(target, known.card.targets)}"
            )


def make_card(
    name: str,
    plugin: str,
    table: Described,
    parts: Sequence[KnownModel],
    members: Sequence[Member],
    **fields: Any,
) -> ModelCard:
    """Make the card of a combination: what its table says, and what follows from its parts.

    Raises
    ------
    ModelError
        If the table says something that no card can say.
    """
    cards = [part.card for part in parts]
    channels = {card.channels for card in cards}
    facts: dict[str, Any] = {
        "name": name,
        "plugin": plugin,
        "members": members,
        # The highest, so that nothing is lost of what one of them makes.
        "sample_rate": max(card.sample_rate for card in cards),
        "channels": channels.pop() if len(channels) == 1 else None,
        "title": table.title,
        "licence": _licence(cards) if table.licence is None else table.licence,
        "restriction": (
            " ".join(dict.fromkeys(card.restriction for card in cards if card.restriction))
            if table.restriction is None
            else table.restriction
        ),
        "provenance": table.provenance,
        "quality": table.quality,
        "quality_on": table.quality_on,
    }
    try:
        return ModelCard.model_validate(facts | fields)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"]) or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        raise ModelError(f"{name}, key {key}: {message}") from None


def _licence(cards: Sequence[ModelCard]) -> str:
    """Name the licences of all parts, unless one of them is not stated."""
    if not all(card.licensed for card in cards):
        return NOT_STATED
    return "; ".join(dict.fromkeys(card.licence for card in cards))
