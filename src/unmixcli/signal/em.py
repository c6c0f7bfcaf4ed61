"""Multichannel Wiener filtering, with parameters estimated by expectation-maximisation.

Every source is modelled as Gaussian, with a power v_j(t, f) and a spatial
covariance R_j(f). An iteration measures both on the latest estimates Y_j and
filters the mixture X with them::

    v_j = mean over channels of |Y_j|^2
    R_j = sum_t Y_j Y_j^H / (eps + sum_t v_j)
    C   = sum_j v_j R_j + sqrt(eps) I
    Y_j = v_j R_j C^-1 X

One and two channels are computed in closed form. Complex numbers are kept as
separate real and imaginary planes, because contiguous real arithmetic is several
times faster than arithmetic on interleaved complex numbers.

References
----------
N. Q. K. Duong, E. Vincent and R. Gribonval, "Under-determined reverberant audio
source separation using a full-rank spatial covariance model", IEEE TASLP 18(7),
2010. A. A. Nugraha, A. Liutkus and E. Vincent, "Multichannel music separation
with deep neural networks", EUSIPCO 2016 (the simplified updates used here).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .masks import EPS

SCALE = 10.0
"""The reference scales each window so that the mixture's magnitude is at most this."""


def squared_scale(peak: torch.Tensor) -> torch.Tensor:
    """Return the square of the factor by which the reference divides a window.

    Instead of scaling the data by 1/s and the result by s, the filter scales its
    two regularisations by s^2: the same numbers with fewer passes.

    Parameters
    ----------
    peak : Tensor, scalar
        Largest magnitude of the mixture in the window.

    Examples
    --------
    >>> squared_scale(torch.tensor(30.0)), squared_scale(torch.tensor(2.0))
    (tensor(9.), tensor(1.))
    """
    return (peak / SCALE).clamp_min(1.0).square()


@dataclass
class MixtureSpectrum:
    """The mixture's spectrum as planes, with its covariance at each frame and bin.

    Attributes
    ----------
    planes : tuple of Tensor, each of shape (frames, bins)
        Real and imaginary part of each channel, in order.
    covariance : Tensor, shape (1 or 4, frames, bins)
        ``|X|^2``; for two channels ``|X1|^2, |X2|^2`` and the real and imaginary
        part of ``X1 X2*``.
    """

    planes: tuple[torch.Tensor, ...]
    covariance: torch.Tensor

    @classmethod
    def of(cls, spectrum: torch.Tensor) -> MixtureSpectrum:
        """Split a spectrum of shape (channels, frames, bins), complex64, 1 or 2 channels."""
        planes = tuple(
            part.contiguous() for channel in spectrum for part in (channel.real, channel.imag)
        )
        if len(planes) == 2:
            real, imag = planes
            return cls(planes, (real.square().addcmul_(imag, imag)).unsqueeze(0))
        a, b, c, d = planes
        covariance = a.new_empty((4, *a.shape))
        torch.mul(a, a, out=covariance[0]).addcmul_(b, b)
        torch.mul(c, c, out=covariance[1]).addcmul_(d, d)
        torch.mul(a, c, out=covariance[2]).addcmul_(b, d)
        torch.mul(b, c, out=covariance[3]).addcmul_(a, d, value=-1)
        return cls(planes, covariance)


@dataclass
class Statistics:
    """Sums over frames, from which the spatial covariances are computed.

    Attributes
    ----------
    outer : Tensor, shape (sources, 1 or 4, bins)
        Sum of ``Y_j Y_j^H``, in the layout of `MixtureSpectrum.covariance`.
    power : Tensor, shape (sources, bins)
        Sum of ``v_j``.
    """

    outer: torch.Tensor
    power: torch.Tensor

    def spatial_covariance(self, scale: torch.Tensor) -> torch.Tensor:
        """Return R_j, shape (sources, 1 or 4, bins), for a window with this `squared_scale`."""
        return self.outer / (self.power + EPS * scale).unsqueeze(1)


def masked_power(gains: torch.Tensor, mixture: MixtureSpectrum) -> tuple[torch.Tensor, Statistics]:
    """Measure power and covariance sums of first estimates ``gains * mixture``.

    Parameters
    ----------
    gains : Tensor, shape (sources, channels, frames, bins)
    mixture : MixtureSpectrum

    Returns
    -------
    power : Tensor, shape (sources, frames, bins)
    statistics : Statistics
    """
    channels = gains.shape[1]
    energy = gains[:, 0].square().mul_(mixture.covariance[0])
    sums = [energy.sum(1)]
    if channels == 1:
        return energy, Statistics(torch.stack(sums, 1), sums[0])
    second = gains[:, 1].square().mul_(mixture.covariance[1])
    sums.append(second.sum(1))
    energy.add_(second).mul_(0.5)
    cross = torch.mul(gains[:, 0], gains[:, 1], out=second)
    sums.append((cross * mixture.covariance[2]).sum(1))
    sums.append(cross.mul_(mixture.covariance[3]).sum(1))
    return energy, Statistics(torch.stack(sums, 1), (sums[0] + sums[1]).mul_(0.5))


def estimate_power(estimates: torch.Tensor) -> tuple[torch.Tensor, Statistics]:
    """Measure power and covariance sums of estimates.

    Parameters
    ----------
    estimates : Tensor, shape (sources, channels, frames, bins), complex64

    Returns
    -------
    power : Tensor, shape (sources, frames, bins)
    statistics : Statistics
    """
    real = estimates.real.contiguous()
    imag = estimates.imag.contiguous()
    energy = real.square().addcmul_(imag, imag)
    power = energy.mean(1)
    sums = list(energy.sum(2).unbind(1))
    if len(sums) == 2:
        a, b, c, d = real[:, 0], imag[:, 0], real[:, 1], imag[:, 1]
        sums.append((a * c).addcmul_(b, d).sum(1))
        sums.append((b * c).addcmul_(a, d, value=-1).sum(1))
    return power, Statistics(torch.stack(sums, 1), power.sum(1))


def wiener_filter(
    power: torch.Tensor,
    covariance: torch.Tensor,
    mixture: MixtureSpectrum,
    scale: torch.Tensor,
    out: torch.Tensor,
) -> torch.Tensor:
    """Filter the mixture: ``Y_j = v_j R_j C^-1 X`` with ``C = sum_j v_j R_j + sqrt(eps) I``.

    Parameters
    ----------
    power : Tensor, shape (sources, frames, bins)
        v_j.
    covariance : Tensor, shape (sources, 1 or 4, bins)
        R_j.
    mixture : MixtureSpectrum
    scale : Tensor, scalar
        `squared_scale` of the window.
    out : Tensor, shape (sources, channels, frames, bins), complex64
        Receives the estimates; may cover only the first sources.

    Returns
    -------
    Tensor
        `out`.
    """
    ridge = EPS**0.5 * scale
    mixed = [(power * covariance[:, k].unsqueeze(1)).sum(0) for k in range(covariance.shape[1])]
    wanted = out.shape[0]
    power, covariance = power[:wanted], covariance[:wanted]
    if len(mixed) == 1:
        gain = mixed[0].add_(ridge).reciprocal_()
        share = power * covariance[:, 0].unsqueeze(1)
        share.mul_(gain)
        real, imag = mixture.planes
        torch.complex(share * real, share * imag, out=out[:, 0])
        return out
    w1r, w1i, w2r, w2i = _whiten(mixed, mixture.planes, ridge)
    r11, r22, re, im = (part.unsqueeze(1) for part in covariance.unbind(1))
    # R_j W for the Hermitian R = [[r11, re + i im], [re - i im, r22]].
    real, imag = torch.empty_like(power), torch.empty_like(power)
    torch.mul(r11, w1r, out=real).addcmul_(re, w2r).addcmul_(im, w2i, value=-1).mul_(power)
    torch.mul(r11, w1i, out=imag).addcmul_(re, w2i).addcmul_(im, w2r).mul_(power)
    torch.complex(real, imag, out=out[:, 0])
    torch.mul(r22, w2r, out=real).addcmul_(re, w1r).addcmul_(im, w1i).mul_(power)
    torch.mul(r22, w2i, out=imag).addcmul_(re, w1i).addcmul_(im, w1r, value=-1).mul_(power)
    torch.complex(real, imag, out=out[:, 1])
    return out


def _whiten(
    mixed: list[torch.Tensor], planes: tuple[torch.Tensor, ...], ridge: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Solve ``(A + ridge I) W = X`` for a Hermitian 2x2 matrix A at each frame and bin.

    The determinant is computed as ``det A + ridge tr A + ridge^2``. Rounding can
    make ``det A`` negative, so it is clamped at zero: near-mono mixtures stay
    finite.
    """
    a11, a22, re, im = mixed
    x1r, x1i, x2r, x2i = planes
    det = a11 * a22
    det.addcmul_(re, re, value=-1).addcmul_(im, im, value=-1).clamp_min_(0)
    det.add_((a11 + a22).add_(ridge).mul_(ridge))
    inverse = det.reciprocal_()
    a11, a22 = a11.add_(ridge), a22.add_(ridge)
    w1r = (a22 * x1r).addcmul_(re, x2r, value=-1).addcmul_(im, x2i)
    w1i = (a22 * x1i).addcmul_(re, x2i, value=-1).addcmul_(im, x2r, value=-1)
    w2r = (a11 * x2r).addcmul_(re, x1r, value=-1).addcmul_(im, x1i, value=-1)
    w2i = (a11 * x2i).addcmul_(re, x1i, value=-1).addcmul_(im, x1r)
    return tuple(part.mul_(inverse) for part in (w1r, w1i, w2r, w2i))
