"""What an author's description says of an SCNet."""

from __future__ import annotations

from typing import Any

from ...errors import ModelError
from ..published import PublishedConfig


def describe(config: PublishedConfig) -> dict[str, Any]:
    """Return the parameters of a card; those left out are the defaults of the author's code.

    Raises
    ------
    ModelError
        If it is a variant that is not run.
    """
    n_fft = config.number("nfft", 4096)
    window = config.number("win_size", n_fft)
    if window != n_fft:
        raise ModelError(
            f"{config.path}: model.win_size is {window}, and frames of {n_fft} samples with a "
            "shorter window are not run"
        )
    return {
        "n_fft": n_fft,
        "orthonormal": config.model.get("normalized", True),
        "band_ratios": config.model.get("band_SR", [0.175, 0.392, 0.433]),
        "band_strides": config.model.get("band_stride", [1, 4, 16]),
    }
