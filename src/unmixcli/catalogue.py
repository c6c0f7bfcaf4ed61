"""What is known of each model: cards, and the weights that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=64)]
"""A model, target or file name: it becomes a path, so nothing in it may climb out of a folder."""


class Weights(BaseModel):
    """One file that a model loads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Name
    targets: tuple[Name, ...] = ()
    """The targets that need this file; none means all of the model's."""
    urls: tuple[str, ...] = ()
    path: Path | None = None
    """A file on this machine, used where it lies instead of being fetched."""
    size: int | None = Field(default=None, gt=0)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    sha512: str | None = Field(default=None, pattern="^[0-9a-f]{128}$")
    sha256_prefix: str | None = Field(default=None, pattern="^[0-9a-f]{8,63}$")


class ModelCard(BaseModel):
    """One model as the catalogue describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    plugin: Name
    title: str = ""
    targets: tuple[Name, ...] = Field(min_length=1)
    sample_rate: int = Field(gt=0)
    channels: int | None = Field(default=None, gt=0)
    """Channels that the model takes; None where it takes any."""
    licence: str = ""
    restriction: str = ""
    """A sentence for models whose use is restricted, shown when listed and fetched."""
    quality: dict[Name, float] = {}
    """Published median SDR in dB by target."""
    weights: tuple[Weights, ...] = ()
    parameters: dict[str, Any] = {}
    """What only the plugin understands, such as ``n_fft`` and ``hop``."""
