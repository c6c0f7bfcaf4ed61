"""The options of ensembles: test-time averaging."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Test-time averaging; ``--option`` accepts these for any model without such options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shifts: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Number of runs to average, each with the mixture delayed a little more. "
        "Each run takes as long as one without this option.",
    )
    polarity: bool = Field(
        default=False,
        description="Average one more run, with the polarity of the mixture inverted.",
    )
    exchange: bool = Field(
        default=False,
        description="Average one more run, with left and right exchanged.",
    )
