"""What families share that read a track in chunks: the option, and what a card says of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..catalogue import ModelCard
from ..errors import ModelError

if TYPE_CHECKING:
    from .segmented import ChunkScheme

MOST_OVERLAP = 64
"""Nobody waits for more estimates of every sample."""


class Options(BaseModel):
    """How chunks overlap, given as ``--option KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap: int | None = Field(
        default=None,
        ge=1,
        le=MOST_OVERLAP,
        description="Chunks that estimate each moment; their mean hides the seams. The time "
        "grows with it. Not given, the number that the model's author used.",
    )


class ChunkParameters(BaseModel):
    """What a card's ``parameters`` say of chunks; a family adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk: int = Field(ge=1)
    """Samples that the network reads at a time."""
    num_overlap: int = Field(default=4, ge=1, le=MOST_OVERLAP)
    """Chunks that estimate each sample, unless the user says otherwise."""
    normalised: bool = False
    """Whether the network was trained on mixtures of mean 0 and deviation 1."""

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Read a card's parameters.

        Raises
        ------
        ModelError
            At the first that is missing, unknown or wrong.
        """
        try:
            return cls.model_validate(card.parameters)
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(str(part) for part in detail["loc"])
            message = detail["msg"].removeprefix("Value error, ")
            where = f"parameters.{key}" if key else "parameters"
            raise ModelError(f"{card.name}: {where}: {message}") from None

    def scheme(self, options: Options) -> ChunkScheme:
        """Return how a track is cut into chunks and joined again."""
        from .segmented import ChunkScheme  # brings torch

        return ChunkScheme(self.chunk, options.overlap or self.num_overlap, self.normalised)
