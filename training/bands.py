"""The frequency bands that the network hears and masks in.

Single STFT bins up to 2.8 kHz, where harmonics must be told apart, wider bands above, up to the
last bin: 576 bands in place of 2049 bins cost a quarter of the arithmetic, and since every bin of
a band is multiplied by the same mask, the squared error of a whole band is exact in two numbers.
"""

from __future__ import annotations

import numpy as np

N_FFT = 4096
HOP = 1024
BINS = N_FFT // 2 + 1
# (first bin, last bin excluded, bins a band)
SECTIONS = ((0, 256, 1), (256, 512, 2), (512, 1024, 4), (1024, 2048, 16))


def band_edges() -> np.ndarray:
    """First bin of every band, and the number of bins at the end; the last band has bin 2048 too.

    Returns
    -------
    ndarray of int64, shape (bands + 1,)
    """
    firsts = np.concatenate([np.arange(a, b, w) for a, b, w in SECTIONS])
    return np.append(firsts, BINS)


EDGES = band_edges()
BANDS = len(EDGES) - 1
BAND_OF_BIN = np.repeat(np.arange(BANDS), np.diff(EDGES))
