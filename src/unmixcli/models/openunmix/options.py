"""The options of Open-Unmix: how to compute the stems from the networks' estimates."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """See docs/separating.md; the flags of the same names are shorthands for these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    niter: int = Field(default=1, ge=0, description="EM iterations, see --niter.")
    softmask: bool = Field(default=False, description="Ratio mask first, see --softmask.")
    alpha: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Exponent of that mask, see --alpha."
    )
    wiener_win_len: int = Field(
        default=300, ge=0, description="Frames of a window of the EM, see --wiener-win-len."
    )
