"""What an author's description says of an MDX23C network."""

from __future__ import annotations

from typing import Any

from ...errors import ModelError
from ..published import PublishedConfig

_RUN = {"norm": "InstanceNorm", "act": "gelu"}


def describe(config: PublishedConfig) -> dict[str, Any]:
    """Return the parameters of a card.

    Raises
    ------
    ModelError
        If it is a variant that is not run, or says nothing of its frames.
    """
    for key, run in _RUN.items():
        value = config.model.get(key, run)
        if value != run:
            raise ModelError(f"{config.path}: model.{key} is {value!r}, and only {run} is run")
    if "n_fft" not in config.audio:
        raise ModelError(f"{config.path}: section audio lacks n_fft")
    return {"n_fft": config.audio["n_fft"]}
