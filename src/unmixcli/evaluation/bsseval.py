"""BSS Eval v4: how much of an estimate is target, interference and artifact.

Distortion filters of 512 taps map the true sources to each estimate. One set of
filters serves a whole track; the scores are computed frame by frame.

The filters are the solution of normal equations. All estimates share one Gram
matrix, so it is factored once; the reference implementation, museval, solves the
system again for each of them. Correlations are needed for 512 lags only, so they
are summed over short blocks instead of transforming the whole track.

References
----------
E. Vincent, R. Gribonval, C. Févotte, "Performance measurement in blind audio
source separation", IEEE TASLP 14(4), 2006.
A. Liutkus, F.-R. Stöter, N. Ito, "The 2018 Signal Separation Evaluation
Campaign", LVA/ICA 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .result import FRAMED

if TYPE_CHECKING:
    import torch

Audio = NDArray[np.float64]

TAPS = 512
"""Length of the distortion filters, in samples."""
_BLOCK_FFT = 8192
_BLOCKS_AT_A_TIME = 64


def bss_eval(references: Audio, estimates: Audio, frame: int) -> dict[str, Audio]:
    """Compute SDR, SIR, ISR and SAR of each frame.

    Parameters
    ----------
    references, estimates : ndarray, shape (targets, samples, channels)
        None may be silent as a whole; see `is_silent`.
    frame : int
        Samples per frame; frames do not overlap. A shorter rest is left out,
        unless it is all there is.

    Returns
    -------
    dict of str to ndarray, shape (targets, frames)
        In dB, by metric. NaN in a frame in which any target is silent.
    """
    targets, length, channels = references.shape
    true = _rows(references)
    lags = _correlate(true, np.concatenate([true, _rows(estimates)]))
    among, towards = lags[:, : len(true)], lags[:, len(true) :]
    every = _filters(among, towards).reshape(-1, TAPS, targets, channels)
    own = []
    for target in range(targets):
        part = slice(target * channels, (target + 1) * channels)
        own.append(_filters(among[part, part], towards[part, part]))
    frames = max(length // frame, 1)
    found = np.full((len(FRAMED), targets, frames), np.nan)
    projection = _Projection(every, np.stack(own), min(frame, length))
    for k in range(frames):
        part = slice(k * frame, (k + 1) * frame)
        s, e = references[:, part], estimates[:, part]
        if not any(map(is_silent, (*s, *e))):
            found[:, :, k] = _scores(s, e, *projection.of(s))
    return dict(zip(FRAMED, found, strict=True))


def is_silent(audio: Audio) -> bool:
    """Return whether museval counts audio (samples, channels) as silent: its channels cancel."""
    return not audio.sum(axis=1).any()


def _rows(audio: Audio) -> Audio:
    """Reshape (targets, samples, channels) to (targets * channels, samples)."""
    return np.ascontiguousarray(np.moveaxis(audio, 2, 1)).reshape(-1, audio.shape[1])


def _correlate(x: Audio, y: Audio) -> Audio:
    """Return ``sum over n of x[p, n] * y[q, n + lag]``, shape (p, q, lags), for all lags."""
    import torch

    bins = _BLOCK_FFT // 2 + 1
    total = torch.zeros(bins, len(x), len(y), dtype=torch.complex128)
    for heads, tails in zip(_blocks(x, 0), _blocks(y, TAPS - 1), strict=True):
        # (bins, p, blocks) times (bins, blocks, q)
        left = torch.fft.rfft(heads, _BLOCK_FFT).permute(2, 0, 1).conj()
        right = torch.fft.rfft(tails, _BLOCK_FFT).permute(2, 1, 0)
        total += left @ right
    lags: Audio = torch.fft.irfft(total, _BLOCK_FFT, dim=0)[:TAPS].permute(1, 2, 0).numpy()
    return lags


def _blocks(audio: Audio, more: int) -> Iterator[torch.Tensor]:
    """Yield groups of blocks (rows, blocks, samples), each with ``more`` samples of the next."""
    import torch

    step = _BLOCK_FFT - TAPS + 1
    group = step * _BLOCKS_AT_A_TIME
    for first in range(0, audio.shape[1], group):
        count = min(_BLOCKS_AT_A_TIME, math.ceil((audio.shape[1] - first) / step))
        padded = np.zeros((len(audio), count * step + more))
        part = audio[:, first : first + padded.shape[1]]
        padded[:, : part.shape[1]] = part
        yield torch.from_numpy(padded).unfold(1, step + more, step)


def _filters(among: Audio, towards: Audio) -> Audio:
    """Solve the normal equations of the projection.

    Parameters
    ----------
    among : ndarray, shape (sources, sources, taps)
        Correlations of the true sources.
    towards : ndarray, shape (sources, estimates, taps)
        Their correlations with the estimates.

    Returns
    -------
    ndarray, shape (sources, taps, estimates)
    """
    import torch

    size = len(among) * TAPS
    # The Gram matrix has the entry correlation[p, q, a - b] at row (p, a), column (q, b).
    negative = np.swapaxes(among, 0, 1)[..., :0:-1]
    lags = np.concatenate([negative, among], axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(lags, TAPS, axis=2)[..., ::-1]
    entries = np.empty((len(among), TAPS, len(among), TAPS))
    entries[...] = np.moveaxis(windows, 2, 1)
    gram = torch.from_numpy(entries.reshape(size, size))
    right = torch.from_numpy(np.ascontiguousarray(np.moveaxis(towards, 2, 1)).reshape(size, -1))
    gram.diagonal().add_(np.finfo(float).eps)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if not failed:
        solved = torch.cholesky_solve(right, factor)
    else:
        # Band-limited sources: rounding makes the matrix indefinite. museval does the same.
        lower_upper, pivots, singular = torch.linalg.lu_factor_ex(gram)
        if singular:
            solved = torch.linalg.lstsq(gram, right, driver="gelsd").solution
        else:
            solved = torch.linalg.lu_solve(lower_upper, pivots, right)
    filters: Audio = solved.numpy().reshape(len(among), TAPS, -1)
    return filters


class _Projection:
    """The filters of a track, ready to be applied to its frames.

    Parameters
    ----------
    every : ndarray, shape (targets * channels, taps, targets, channels)
        From all sources to each estimate.
    own : ndarray, shape (targets, channels, taps, channels)
        From each source to its own estimate.
    frame : int
        Samples per frame.
    """

    def __init__(self, every: Audio, own: Audio, frame: int) -> None:
        import torch

        self.length = frame + TAPS - 1
        self.size = _fast_length(self.length)
        # bins first, so that each projection is a product of small matrices
        spectra = torch.fft.rfft(torch.from_numpy(every), self.size, dim=1).movedim(1, 0)
        self._every = spectra.reshape(len(spectra), every.shape[0], -1).mT.contiguous()
        self._own = torch.fft.rfft(torch.from_numpy(own), self.size, dim=2).permute(2, 0, 3, 1)

    def of(self, references: Audio) -> tuple[Audio, Audio]:
        """Project a frame: onto all sources and onto the own one.

        Returns
        -------
        two ndarrays, shape (targets, samples + taps - 1, channels)
        """
        import torch

        targets, _, channels = references.shape
        spectra = torch.fft.rfft(torch.from_numpy(references), self.size, dim=1).movedim(1, 0)
        every = (self._every @ spectra.reshape(len(spectra), -1, 1)).reshape(-1, targets, channels)
        own = (self._own @ spectra[..., None])[..., 0]
        both = torch.fft.irfft(torch.stack([every, own]), self.size, dim=1)[:, : self.length]
        onto_all, onto_own = both.movedim(1, 2).numpy()
        return onto_all, onto_own


def _scores(true: Audio, estimate: Audio, onto_all: Audio, onto_own: Audio) -> Audio:
    """Return the ratios of a frame in the order of `FRAMED`, shape (metrics, targets)."""
    missing = ((0, 0), (0, TAPS - 1), (0, 0))
    s, e = np.pad(true, missing), np.pad(estimate, missing)
    pairs = (
        (s, e - s),
        (onto_own, onto_all - onto_own),
        (s, onto_own - s),
        (onto_all, e - onto_all),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        right, wrong = (
            10 * np.log10([_energy(audio) for audio in side]) for side in zip(*pairs, strict=True)
        )
        ratios: Audio = right - wrong
        return ratios


def _energy(audio: Audio) -> Audio:
    energy: Audio = np.einsum("tnc,tnc->t", audio, audio)
    return energy


def _fast_length(length: int) -> int:
    """Return the next length whose only prime factors are 2, 3 and 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
