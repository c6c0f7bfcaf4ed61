"""What a card says of an MDX23C network that its tensors do not."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ..chunked import ChunkParameters


class Parameters(ChunkParameters):
    """The parameters of a card."""

    n_fft: int = Field(ge=4, le=1 << 20, multiple_of=2)
    """Samples in a frame of the spectrogram."""
    hop: int = Field(ge=1)
    """Samples from one frame to the next."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hop > self.n_fft // 2:
            raise ValueError(f"a hop of {self.hop} is more than half a frame of {self.n_fft}")
        if self.chunk < self.n_fft:
            raise ValueError(f"a chunk of {self.chunk} is shorter than a frame of {self.n_fft}")
        if self.chunk % self.hop:
            raise ValueError(f"a chunk of {self.chunk} is not a whole number of hops of {self.hop}")
        return self

    @property
    def frames(self) -> int:
        """Frames of a chunk. The norms take their statistics over them."""
        return self.chunk // self.hop + 1
