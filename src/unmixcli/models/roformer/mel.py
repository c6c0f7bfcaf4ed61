"""Which bins of a spectrum each band of a Mel-Band RoFormer reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Slaney's mel scale: linear up to 1 kHz, logarithmic above.
_HERTZ_PER_MEL = 200.0 / 3
_KNEE_HERTZ = 1000.0
_KNEE_MEL = _KNEE_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def mel_table(sample_rate: int, n_fft: int, bands: int) -> NDArray[np.bool_]:
    """Return the bins on which triangular mel filters are positive.

    The table is that of ``librosa.filters.mel`` (Slaney's scale, 0 Hz to half
    the sample rate) above zero, with the first bin in the first band and the
    last bin in the last. A bin that falls on a filter's corner is in or out by
    rounding alone, so the arithmetic follows librosa's, step by step, in float64.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_fft : int
        Samples in a frame.
    bands : int

    Returns
    -------
    ndarray, shape (bands, n_fft // 2 + 1), bool

    References
    ----------
    J.-C. Wang, W.-T. Lu and M. Won, "Mel-Band RoFormer for music source
    separation", arXiv 2310.01809. M. Slaney, "Auditory toolbox", 1998.
    """
    highest = _to_mel(sample_rate / 2)
    corners = _to_hertz(np.linspace(0.0, highest, bands + 2))
    widths = np.diff(corners)
    distances = np.subtract.outer(corners, np.fft.rfftfreq(n_fft, 1.0 / sample_rate))
    rising = -distances[:-2] / widths[:-1, np.newaxis]
    falling = distances[2:] / widths[1:, np.newaxis]
    table: NDArray[np.bool_] = np.minimum(rising, falling) > 0
    table[0, 0] = table[-1, -1] = True
    return table


def _to_mel(hertz: float) -> float:
    if hertz < _KNEE_HERTZ:
        return hertz / _HERTZ_PER_MEL
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HERTZ) / _LOG_STEP)


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hertz = _HERTZ_PER_MEL * mel
    above = mel >= _KNEE_MEL
    hertz[above] = _KNEE_HERTZ * np.exp(_LOG_STEP * (mel[above] - _KNEE_MEL))
    return hertz
