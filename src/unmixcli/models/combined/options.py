"""The options of ensembles: how often each member hears the mixture."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Test-time averaging; ``--option`` takes these for any model that has none of that name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shifts: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Runs with the mixture delayed a little more each time, averaged. Each "
        "takes as long as one run without.",
    )
    polarity: bool = Field(
        default=False, description="Average in one more run, of the mixture upside down."
    )
    exchange: bool = Field(
        default=False,
        description="Average in one more run, of the mixture with left and right exchanged.",
    )
