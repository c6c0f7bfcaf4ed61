"""The options of a network that reads chunks, and the parameters of its card."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ModelError
from ..cards import ModelCard

Overlap = Annotated[int, Field(ge=1, le=50)]


class Options(BaseModel):
    """How chunks overlap, given as ``--option KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap: Overlap | None = Field(
        default=None,
        description="Number of chunks that estimate each moment; by default as the author of the "
        "weights advises. More is slower and hides the joins better; 1 leaves gaps there.",
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

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Read a card's parameters.

        Raises
        ------
        ModelError
            If one is missing, unknown or wrong; the message names it.
        """
        try:
            return cls.model_validate(card.parameters)
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(str(part) for part in detail["loc"])
            message = detail["msg"].removeprefix("Value error, ")
            where = f"the parameters of {card.name}{key and f', key {key}'}"
            raise ModelError(f"{where}: {message}") from None
