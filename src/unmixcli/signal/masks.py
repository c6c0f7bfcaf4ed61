"""First estimates of the sources, as real gains on the mixture's spectrum.

A network's estimate of a magnitude is a gain times the mixture's magnitude, and
both kinds of first estimate keep the mixture's phase. A real gain for every
source, channel, frame and bin therefore describes an estimate completely: it is
``gains * mixture``, and no phase has to be computed.
"""

from __future__ import annotations

import torch

EPS = 1e-10
"""Regularisation of every division by a model's energy, as in the reference implementation."""


def residual_gain(gains: torch.Tensor) -> torch.Tensor:
    """Return the gain of the residual: what remains of the mixture's magnitude.

    Parameters
    ----------
    gains : Tensor, shape (sources, channels, frames, bins)
        Non-negative.

    Returns
    -------
    Tensor, shape (1, channels, frames, bins)
        ``max(0, 1 - sum of gains)``: the magnitude model of a residual,
        ``max(0, |X| - sum of V_j)``, divided by ``|X|``.

    Examples
    --------
    >>> residual_gain(torch.tensor([[[[0.5, 0.9]]], [[[0.25, 0.8]]]]))
    tensor([[[[0.2500, 0.0000]]]])
    """
    return (1 - gains.sum(0, keepdim=True)).clamp_min_(0)


def ratio_mask(
    gains: torch.Tensor, magnitude: torch.Tensor, alpha: float = 1.0, residual: bool = False
) -> torch.Tensor:
    """Compute the generalised Wiener filter: each source's share of the sum of all models.

    Parameters
    ----------
    gains : Tensor, shape (sources, channels, frames, bins)
        Non-negative.
    magnitude : Tensor, shape (channels, frames, bins)
        Magnitude of the mixture.
    alpha : float
        Exponent of the magnitudes; 2 gives the classic Wiener filter.
    residual : bool
        Append a source with the model ``max(0, |X|^alpha - sum of V_j^alpha)``.

    Returns
    -------
    Tensor, shape (sources, or one more with `residual`; channels, frames, bins)

    References
    ----------
    A. Liutkus and R. Badeau, "Generalized Wiener filtering with fractional
    power spectrograms", ICASSP 2015.

    Examples
    --------
    >>> gains = torch.tensor([0.9, 0.3]).view(2, 1, 1, 1)
    >>> ratio_mask(gains, torch.ones(1, 1, 1)).flatten()
    tensor([0.7500, 0.2500])
    >>> ratio_mask(gains, torch.ones(1, 1, 1), alpha=2.0).flatten()
    tensor([0.9000, 0.1000])
    """
    models = (gains * magnitude).pow_(alpha)
    total = models.sum(0, keepdim=True)
    if residual:
        rest = (magnitude.pow(alpha) - total).clamp_min_(0)
        models = torch.cat([models, rest])
        total += rest
    return models.div_(total.add_(EPS))


def gains_of_magnitudes(magnitudes: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """Convert magnitude estimates to gains on the mixture; 0 where the mixture is 0.

    Parameters
    ----------
    magnitudes : Tensor, shape (sources, 1 or channels, frames, bins)
    mixture : Tensor, shape (channels, frames, bins)
        Magnitude of the mixture.

    Returns
    -------
    Tensor, shape (sources, channels, frames, bins)
    """
    # Zero times infinity is not a number, so replace the zeros before dividing.
    gains = magnitudes / torch.where(mixture > 0, mixture, 1)
    return gains.mul_(mixture > 0)


def apply_gains(gains: torch.Tensor, mixture: torch.Tensor, out: torch.Tensor) -> None:
    """Write the estimates ``gains * mixture``, without multiplying complex numbers.

    Parameters
    ----------
    gains : Tensor, shape (sources, channels, frames, bins)
    mixture : Tensor, shape (channels, frames, bins), complex64
    out : Tensor, shape (sources, channels, frames, bins), complex64
    """
    real, imag = mixture.real.contiguous(), mixture.imag.contiguous()
    torch.complex(gains * real, gains * imag, out=out)
