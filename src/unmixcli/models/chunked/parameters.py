"""The options of a network that reads chunks, and what a card says of it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ModelError
from ..cards import ModelCard, Name

Overlap = Annotated[int, Field(ge=1, le=50)]


class Options(BaseModel):
    """How chunks overlap, given as ``--option KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap: Overlap | None = Field(
        default=None,
        description="How many chunks estimate each moment; by default what the author of the "
        "weights advises. More is slower and hides the joins better; 1 leaves gaps at them.",
    )


class ChunkParameters(BaseModel):
    """The ``parameters`` of a card; a family adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk: int = Field(gt=0)
    """Samples that the network reads at a time."""
    overlap: Overlap = 4
    """Chunks that estimate each sample."""
    normalised: bool = False
    """Whether the network reads mixtures of mean 0 and deviation 1."""
    rest: Name | None = None
    """The target that is the mixture minus all others."""

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Read a card's parameters.

        Raises
        ------
        ModelError
            If one is missing, unknown or wrong, or they do not go with the targets.
        """
        where = f"the parameters of {card.name}"
        try:
            parameters = cls.model_validate(card.parameters)
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(str(part) for part in detail["loc"])
            message = detail["msg"].removeprefix("Value error, ")
            raise ModelError(f"{where}{key and f', key {key}'}: {message}") from None
        if parameters.rest is not None and parameters.rest not in card.targets:
            raise ModelError(f"{where}, key rest: {parameters.rest!r} is not in targets")
        if not parameters.estimated(card):
            raise ModelError(f"{where}, key rest: no other target is left to estimate")
        return parameters

    def estimated(self, card: ModelCard) -> tuple[str, ...]:
        """Return the card's targets that the network estimates, in its order."""
        return tuple(target for target in card.targets if target != self.rest)
