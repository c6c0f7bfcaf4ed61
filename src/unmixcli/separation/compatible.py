"""The function `separate`, with the arguments of Open-Unmix's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .separator import Separator


def separate(
    audio: NDArray[Any],
    targets: Sequence[str],
    model_name: str = "umxhq",
    niter: int = 1,
    softmask: bool = False,
    alpha: float = 1.0,
    residual_model: bool = False,
    device: str = "cpu",
    sample_rate: int | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Separate audio like Open-Unmix's `separate`.

    Parameters
    ----------
    audio : ndarray
        Shape (samples,), (samples, channels) as soundfile reads it, or
        (batch, channels, samples).
    targets : sequence of str
        Targets to estimate.
    model_name : str
        Name of a model, or a folder that holds one.
    niter : int
        EM iterations.
    softmask : bool
        Make the first estimates with a ratio mask instead of the mixture phase.
    alpha : float
        Exponent of the ratio mask.
    residual_model : bool
        Also return the mixture minus the targets: as ``accompaniment`` with
        one target, as ``residual`` with several.
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or ``auto``.
    sample_rate : int, optional
        Of the audio, in Hz; the model's rate if not given.

    Returns
    -------
    dict of str to ndarray, float32
        Each stem in the shape of the audio.

    Raises
    ------
    UnmixError
        See `Separator`.
    """
    # Pass on only what differs from Open-Unmix's defaults: other models lack these options.
    wanted = {"niter": (niter, 1), "softmask": (softmask, False), "alpha": (alpha, 1.0)}
    given: dict[str, Any] = {
        name: value for name, (value, default) in wanted.items() if value != default
    }
    separator = Separator(
        model=model_name, targets=tuple(targets), residual=residual_model, device=device, **given
    )
    rate = sample_rate or separator.sample_rate
    return separator.separate(audio, rate, channels_first=np.ndim(audio) == 3)
