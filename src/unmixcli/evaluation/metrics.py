"""The scale-invariant SDR.

References
----------
J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR – half-baked or well
done?", ICASSP 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def si_sdr(reference: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
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
