"""The metrics: BSS Eval v4 by museval, and the scale-invariant SDR.

References
----------
A. Liutkus, F.-R. Stöter, N. Ito, "The 2018 Signal Separation Evaluation
Campaign", LVA/ICA 2018.
J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR – half-baked or well
done?", ICASSP 2019.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnmixError
from .result import FRAMED

Audio = NDArray[np.float64]


def bss_eval(references: Audio, estimates: Audio, frame: int) -> dict[str, Audio]:
    """Compute BSS Eval v4: one set of distortion filters per track, scores per frame.

    Parameters
    ----------
    references, estimates : ndarray, shape (targets, samples, channels)
        None may be completely silent.
    frame : int
        Samples per frame; frames do not overlap.

    Returns
    -------
    dict of str to ndarray, shape (targets, frames)
        In dB, by metric; NaN where a target is silent.

    Raises
    ------
    UnmixError
        If museval is not installed.
    """
    sdr, isr, sir, sar, _ = _museval().bss_eval(
        references,
        estimates,
        compute_permutation=False,
        window=frame,
        hop=frame,
        framewise_filters=False,
        bsseval_sources_version=False,
    )
    return dict(zip(FRAMED, (sdr, sir, isr, sar), strict=True))


def si_sdr(reference: Audio, estimate: Audio) -> float:
    """Compute the scale-invariant signal-to-distortion ratio.

    Parameters
    ----------
    reference, estimate : ndarray, of the same shape
        All channels count as one signal, so that a shift in the balance is a
        distortion; their mean is not subtracted.

    Returns
    -------
    float
        In dB; NaN for a silent reference, infinite for a perfect estimate,
        minus infinity for one that contains nothing of the reference.

    Examples
    --------
    >>> reference = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    >>> noise = np.array([[0.1], [0.1], [-0.1], [-0.1]])
    >>> round(si_sdr(reference, 3 * (reference + noise)), 6)
    20.0
    """
    energy = float(np.vdot(reference, reference))
    if energy == 0:
        return float("nan")
    target = (float(np.vdot(reference, estimate)) / energy) * reference
    error = estimate - target
    right, wrong = float(np.vdot(target, target)), float(np.vdot(error, error))
    if right == 0 or wrong == 0:
        return float("inf") if right else float("-inf")
    return float(10 * np.log10(right / wrong))


def require_museval() -> None:
    """Raise `UnmixError` if museval is not installed."""
    _museval()


@cache
def _museval() -> Any:
    """Load only museval's metrics: the whole package requires an ffmpeg program."""
    spec = importlib.util.find_spec("museval")
    places = spec.submodule_search_locations if spec else None
    if not places or importlib.util.find_spec("scipy") is None:
        raise UnmixError(
            "BSS Eval needs museval: run `pip install 'museval<0.5'`, or use --si-sdr-only"
        )
    file = Path(places[0]) / "metrics.py"
    loaded = importlib.util.spec_from_file_location("unmixcli.evaluation._museval", file)
    assert loaded is not None and loaded.loader is not None
    module = importlib.util.module_from_spec(loaded)
    try:
        loaded.loader.exec_module(module)
    except (ImportError, OSError) as error:
        raise UnmixError(f"museval cannot be loaded: {error}") from None
    return module
