"""Training examples from pieces of stems: spectra, their mixture, and what the loss needs of them.

With one mask m for all bins of a band, the squared error of target j in that band is
sum |S_j - m X|^2 = E_j - 2 m c_j + m^2 p, with c_j = sum Re(S_j conj X), p = sum |X|^2 = sum_j c_j.
So a band is two numbers a target, and the loss is exact at a quarter of the size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import scipy.fft

from .bands import BANDS, EDGES, HOP, N_FFT

WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


def spectra(stems: np.ndarray) -> np.ndarray:
    """STFT without padding: float32 (stems, 2, samples) to complex64 (stems, 2, frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(stems, N_FFT, axis=-1)[..., ::HOP, :]
    return scipy.fft.rfft(frames * WINDOW, overwrite_x=True)


@numba.njit(fastmath=True, cache=True)
def mix_bands(parts, order, gains, edges, first, end, cross, middle, side):
    """Mix spectra and reduce to bands.

    Parameters
    ----------
    parts : tuple of complex64 (2, frames, bins)
        One for each stem.
    order : int64 (stems,)
        1 where a stem's channels are exchanged, else 0.
    gains : float32 (stems, 2, bins)
        Gain of every stem in every channel and bin: level, balance and tone.
    edges : int64 (bands + 1,)
    first, end : int
        The frames whose energy is wanted.
    cross : float32 (frames, stems, 2, bands), out
        c_j, the sum over the band of Re(S_j conj X).
    middle, side : float32 (frames, bands), out
        The power of (L + R) / sqrt 2 and (L - R) / sqrt 2, summed over the band.

    Returns
    -------
    float32 (stems, 2)
        The energy of each stem as mixed, in frames `first` to `end`.
    """
    stems = len(parts)
    frames = parts[0].shape[1]
    bands = len(edges) - 1
    energy = np.zeros((stems, 2))
    for t in range(frames):
        counted = np.float32(first <= t < end)
        for b in range(bands):
            sums = np.zeros((8, 2), np.float32)
            mid = apart = np.float32(0)
            for k in range(edges[b], edges[b + 1]):
                left_re = left_im = right_re = right_im = np.float32(0)
                for j in range(stems):
                    s = parts[j][order[j], t, k]
                    left_re += s.real * gains[j, 0, k]
                    left_im += s.imag * gains[j, 0, k]
                    s = parts[j][1 - order[j], t, k]
                    right_re += s.real * gains[j, 1, k]
                    right_im += s.imag * gains[j, 1, k]
                for j in range(stems):
                    s, g = parts[j][order[j], t, k], gains[j, 0, k]
                    sums[j, 0] += (s.real * left_re + s.imag * left_im) * g
                    energy[j, 0] += (s.real * s.real + s.imag * s.imag) * g * g * counted
                    s, g = parts[j][1 - order[j], t, k], gains[j, 1, k]
                    sums[j, 1] += (s.real * right_re + s.imag * right_im) * g
                    energy[j, 1] += (s.real * s.real + s.imag * s.imag) * g * g * counted
                mid += (left_re + right_re) ** 2 + (left_im + right_im) ** 2
                apart += (left_re - right_re) ** 2 + (left_im - right_im) ** 2
            for j in range(stems):
                cross[t, j, 0, b] = sums[j, 0]
                cross[t, j, 1, b] = sums[j, 1]
            middle[t, b] = mid / 2
            side[t, b] = apart / 2
    return energy


WIDTHS = np.diff(EDGES).astype(np.float32)


def example(
    parts: Sequence[np.ndarray], order: np.ndarray, gains: np.ndarray, kept: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One training example of a spectrum for each stem, complex64 (2, frames, bins).

    Parameters
    ----------
    parts, order, gains
        See `mix_bands`.
    kept : slice
        Frames that the loss looks at.

    Returns
    -------
    features : float32 (frames, 4 x bands)
    cross : float32 (frames kept, stems, 2, bands)
    energy : float32 (stems,)
        Of the frames kept.
    """
    stems, frames = len(parts), parts[0].shape[1]
    cross = np.empty((frames, stems, 2, BANDS), np.float32)
    middle = np.empty((frames, BANDS), np.float32)
    side = np.empty((frames, BANDS), np.float32)
    first, end, _ = kept.indices(frames)
    energy = mix_bands(tuple(parts), order, gains, EDGES, first, end, cross, middle, side)
    power = np.maximum(cross.sum(axis=1), 0)
    stacked = np.stack([power[:, 0], power[:, 1], middle, side], axis=1) / WIDTHS
    features = np.log(stacked + np.float32(1e-4)).reshape(frames, -1)
    return features, cross[kept], energy.sum(axis=1).astype(np.float32)
