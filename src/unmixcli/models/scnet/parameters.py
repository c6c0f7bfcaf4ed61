"""What a card says of an SCNet that its tensors do not."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ..chunked import ChunkParameters


class Parameters(ChunkParameters):
    """The parameters of a card."""

    n_fft: int = Field(default=4096, ge=4, le=1 << 20, multiple_of=2)
    """Samples in a frame of the spectrogram."""
    hop: int = Field(default=1024, ge=1)
    """Samples from one frame to the next."""
    orthonormal: bool = True
    """Whether the spectrogram is divided by the root of ``n_fft``."""
    band_ratios: tuple[float, ...] = Field(min_length=1)
    """Share of the bins that each band has, from low to high."""
    band_strides: tuple[int, ...] = Field(min_length=1)
    """Bins that each band merges into one row."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hop > self.n_fft:
            raise ValueError(f"a hop of {self.hop} leaves gaps between frames of {self.n_fft}")
        if self.chunk < self.n_fft:
            raise ValueError(f"a chunk of {self.chunk} is shorter than a frame of {self.n_fft}")
        if min(self.band_ratios) <= 0 or not 0.99 <= sum(self.band_ratios) <= 1.01:
            raise ValueError("band_ratios must be positive and add up to 1")
        if min(self.band_strides) < 1:
            raise ValueError("band_strides must be 1 or more")
        if len(self.band_strides) != len(self.band_ratios):
            raise ValueError("band_strides and band_ratios must be equally many")
        return self
