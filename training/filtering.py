"""A plain reference of the signal path around the network: STFT, masks, one iteration of EM.

Clear rather than fast; the engine of the package streams the same computation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bands import HOP, N_FFT
from .network import JointOpenUnmix, features_of, masks_of

EPS = 1e-10
WINDOW_FRAMES = 300
EM_FACTOR = 0.5
"""On the logits where EM goes on from the masks: its gains go with their squares."""


def stft(audio: Tensor) -> Tensor:
    """(..., samples) to complex (..., bins, frames); centred, periodic Hann."""
    window = torch.hann_window(N_FFT, dtype=audio.dtype)
    flat = audio.reshape(-1, audio.shape[-1])
    spectrum = torch.stft(flat, N_FFT, HOP, window=window, center=True, return_complex=True)
    return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])


def istft(spectrum: Tensor, samples: int) -> Tensor:
    """The inverse of `stft`."""
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    window = torch.hann_window(N_FFT)
    audio = torch.istft(flat, N_FFT, HOP, window=window, center=True, length=samples)
    return audio.reshape(*spectrum.shape[:-2], samples)


def expectation_maximisation(mixture: Tensor, sources: Tensor, iterations: int = 1) -> Tensor:
    """Multichannel Wiener filtering of first estimates.

    Parameters
    ----------
    mixture : complex Tensor, shape (2, bins, frames)
    sources : complex Tensor, shape (targets, 2, bins, frames)

    Returns
    -------
    complex Tensor, shape (targets, 2, bins, frames)
    """
    result = torch.empty_like(sources)
    for start in range(0, mixture.shape[-1], WINDOW_FRAMES):
        part = slice(start, start + WINDOW_FRAMES)
        x, y = mixture[..., part], sources[..., part]
        scale = max(1.0, float(x.abs().max()) / 10)
        x, y = (x / scale).to(torch.complex128), (y / scale).to(torch.complex128)
        for _ in range(iterations):
            y = _iteration(x, y)
        result[..., part] = (y * scale).to(result.dtype)
    return result


def _iteration(x: Tensor, y: Tensor) -> Tensor:
    """One step: spatial covariances R_j of the sources, then Y_j = v_j R_j C^-1 X, C = sum v_j R_j.

    Hermitian 2 x 2 matrices are written out: R = [[a, b], [conj b, d]].
    """
    power = (y.abs() ** 2).mean(dim=1)  # v_j: (targets, bins, frames)
    total = EPS + power.sum(dim=-1, keepdim=True)
    a = (y[:, 0].abs() ** 2).sum(dim=-1, keepdim=True) / total
    d = (y[:, 1].abs() ** 2).sum(dim=-1, keepdim=True) / total
    b = (y[:, 0] * y[:, 1].conj()).sum(dim=-1, keepdim=True) / total
    ca = (power * a).sum(dim=0) + EPS**0.5
    cd = (power * d).sum(dim=0) + EPS**0.5
    cb = (power * b).sum(dim=0)
    determinant = ca * cd - cb.abs() ** 2
    left = (cd * x[0] - cb * x[1]) / determinant
    right = (ca * x[1] - cb.conj() * x[0]) / determinant
    return torch.stack(
        [power * (a * left + b * right), power * (b.conj() * left + d * right)], dim=1
    )


@torch.no_grad()
def separate(network: JointOpenUnmix, mixture: Tensor, iterations: int = 1) -> Tensor:
    """Stems of a mixture.

    Parameters
    ----------
    mixture : Tensor, shape (2, samples)
    iterations : int
        Of EM; 0 gives the masks' own estimates, mixture phase.

    Returns
    -------
    Tensor, shape (targets, 2, samples)
    """
    spectrum = stft(mixture)
    logits = network(features_of(spectrum[None]))
    masks = masks_of(logits * EM_FACTOR if iterations else logits)[0]
    sources = masks * spectrum
    if iterations:
        sources = expectation_maximisation(spectrum, sources, iterations)
    return istft(sources, mixture.shape[-1])
