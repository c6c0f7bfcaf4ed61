"""The catalogue tables of ensembles and chains, and the code that both share."""

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
"""The methods that support weights other than 0 and 1."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _model_alone(value: Any) -> Any:
    """Accept the name of a model instead of a table with only that name."""
    return {"model": value} if isinstance(value, str) else value


def _words(value: Any) -> Any:
    """Turn numbers and booleans in a table of options into the text a user would type."""
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
    """Its weight, for all targets or by target."""
    targets: dict[Name, Name] = {}
    """The names of its targets in the ensemble, if they differ."""
    options: Options = {}


class StageTable(_Table):
    """A stage of a chain."""

    model: str
    input: str = "mixture"
    """Its input: the mixture, a stem of another stage, or a sum of these."""
    names: dict[Name, Name] = {}
    """The names of its targets in the chain, if they differ."""
    keep: tuple[Name, ...] | None = None
    """The stems to output, by their names in the chain; by default all that no stage reads."""
    options: Options = {}


class Described(_Table):
    """The keys of a combination's table that describe it as a whole."""

    plugin: str = ""
    title: str = ""
    licence: str | None = None
    restriction: str | None = None
    provenance: str = ""
    quality: dict[Name, float] = {}
    quality_on: str = ""
    yardstick: str = ""
    cost: float | None = None
    """By default, what all its parts take together."""


class EnsembleTable(Described):
    """An ensemble."""

    members: tuple[Annotated[MemberTable, BeforeValidator(_model_alone)], ...] = Field(min_length=1)
    method: Method = "average"
    targets: tuple[Name, ...] = ()
    """By default, those that all members have."""
    low: float = Field(default=500.0, ge=0, allow_inf_nan=False)
    high: float = Field(default=5000.0, gt=0, allow_inf_nan=False)
    """The range of phase-repair, in Hz, in which the second member's phase is used."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "phase-repair":
            if len(self.members) != 2:
                raise ValueError("phase-repair needs two members: magnitudes, then phases")
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
        At the first mistake; the message names the key.
    """
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"]) or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        raise ModelError(f"{name}, key {key}: {message}") from None


def check_targets(name: str, who: str, known: KnownModel, given: Mapping[str, Any]) -> None:
    """Raise `ModelError` if a table names a target that a model does not have."""
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
    """Build the card of a combination from its table and its parts.

    Raises
    ------
    ModelError
        If the table has values that no card may have.
    """
    cards = [part.card for part in parts]
    channels = {card.channels for card in cards}
    facts: dict[str, Any] = {
        "name": name,
        "plugin": plugin,
        "members": members,
        # The highest, so that no part loses its high frequencies.
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
        "yardstick": table.yardstick,
        "cost": _cost(table, cards),
    }
    try:
        return ModelCard.model_validate(facts | fields)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"]) or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        raise ModelError(f"{name}, key {key}: {message}") from None


def _cost(table: Described, cards: Sequence[ModelCard]) -> float | None:
    if table.cost is not None:
        return table.cost
    costs = [card.cost for card in cards if card.cost is not None]
    return sum(costs) if len(costs) == len(cards) else None


def _licence(cards: Sequence[ModelCard]) -> str:
    """List the licences of all parts, unless one of them is not stated."""
    if not all(card.licensed for card in cards):
        return NOT_STATED
    return "; ".join(dict.fromkeys(card.licence for card in cards))
