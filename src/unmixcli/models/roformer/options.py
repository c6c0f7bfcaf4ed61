"""What a card says of a RoFormer that its tensors do not, and the options of a run."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
        "weights advises. More is slower and hides the joins better; 1 leaves gaps at them.",
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
    rest: Name | None = None
    """The target that is the mixture minus all others."""
    n_fft: int | None = Field(default=None, ge=16, le=1 << 16)
    """Samples in a frame; needed only for mel bands of an unusual size."""
    zero_dc: bool = False
    """Whether the constant part of stems is taken away."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rest in self.heads:
            raise ValueError(f"no head estimates {self.rest!r}, which is the rest")
        return self

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
        if parameters.rest is not None and parameters.rest not in card.targets:
            raise ModelError(f"{where}, key rest: {parameters.rest!r} is not in targets")
        estimated = parameters.estimated(card)
        if not estimated:
            raise ModelError(f"{where}, key rest: no other target is left to estimate")
        if parameters.heads and set(parameters.heads) != set(estimated):
            wrong = sorted(set(parameters.heads) ^ set(estimated))
            raise ModelError(
                f"{where}, key heads: {wrong[0]!r} is in one of heads and targets only"
            )
        return parameters

    def estimated(self, card: ModelCard) -> tuple[str, ...]:
        """Return the card's targets that the network estimates, in order."""
        return tuple(target for target in card.targets if target != self.rest)

    def head_of(self, card: ModelCard, target: str) -> int:
        """Return which head estimates a target."""
        return self.heads[target] if self.heads else self.estimated(card).index(target)
