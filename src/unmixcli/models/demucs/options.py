"""The options that only this family has: how a track is cut into segments."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Of networks that demucs publishes, given as ``--option KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: float | None = Field(
        default=None,
        ge=0.1,
        le=120,
        allow_inf_nan=False,
        description="Seconds that each pass of the network estimates, by default what it was "
        "published with: 7.8 for htdemucs, which is its most, 44 for hdemucs_mmi. Shorter takes "
        "less memory.",
    )
    overlap: float = Field(
        default=0.25,
        ge=0,
        le=0.99,
        allow_inf_nan=False,
        description="Part of a segment that the next one estimates too; their mean is weighted "
        "by how near to the middle a sample is. More is slower and hides the seams better.",
    )


class CrossFadeOptions(BaseModel):
    """Of the network that torchaudio publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: float = Field(
        default=10.0,
        ge=1,
        le=3600,
        allow_inf_nan=False,
        description="Seconds of audio that each pass of the network adds. Shorter takes less "
        "memory, longer shows the network more of the music at a time.",
    )
    overlap: float = Field(
        default=0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Part of a segment that the next pass estimates once more, to fade from one "
        "to the other. More is slower and hides the seams better; 0 cuts hard.",
    )

    def samples(self, sample_rate: int) -> tuple[int, int]:
        """Return the samples of a segment and of the overlap of two."""
        segment = round(self.segment * sample_rate)
        return segment, round(self.overlap * segment)
