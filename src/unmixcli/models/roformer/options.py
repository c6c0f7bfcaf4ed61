"""What a card says of a RoFormer that its tensors do not, and the options of a run."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ModelError
from ..cards import ModelCard, Name

Overlap = Annotated[int, Field(ge=1, le=50)]


class Options(BaseModel):
    """How a track is cut into chunks, given as ``--option KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk: float | None = Field(
        default=None,
        ge=1,
        le=600,
        allow_inf_nan=False,
        description="Seconds that the network reads at a time; by default as in its training. "
        "Shorter takes less memory.",
    )
    overlap: Overlap | None = Field(
        default=None,
        description="How many chunks estimate each moment; by default what the author of the "
        "weights advises. More is slower and hides the joins better; 1 cuts hard.",
    )


class Parameters(BaseModel):
    """The ``parameters`` of a card."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hop: int = Field(gt=0)
    """Samples from one frame of the spectrum to the next."""
    chunk: int = Field(gt=0)
    """Samples that the network reads at a time."""
    overlap: Overlap = 2
    """Chunks that estimate each sample."""
    heads: dict[Name, Annotated[int, Field(ge=0)]] = {}
    """Which of the checkpoint's heads estimates each target; none if they are as many
    as the targets and in their order."""
    n_fft: int | None = Field(default=None, ge=16, le=1 << 16)
    """Samples in a frame; needed only for mel bands of an unusual size."""
    zero_dc: bool = False
    """Whether the constant part of stems is taken away."""

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Read a card's parameters.

        Raises
        ------
        ModelError
            If they are incomplete, out of range or do not go with its targets.
        """
        where = f"the parameters of {card.name}"
        try:
            parameters = cls.model_validate(card.parameters)
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(str(part) for part in detail["loc"])
            message = detail["msg"].removeprefix("Value error, ")
            raise ModelError(f"{where}{key and f', key {key}'}: {message}") from None
        wrong = set(parameters.heads) ^ set(card.estimated)
        if parameters.heads and wrong:
            raise ModelError(
                f"{where}, key heads: {min(wrong)!r} is in one of heads and targets only"
            )
        return parameters

    def head_of(self, card: ModelCard, target: str) -> int:
        """Return which head estimates a target."""
        return self.heads[target] if self.heads else card.estimated.index(target)
