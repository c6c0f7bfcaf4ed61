"""Input layers: from a block of the mixture's spectrum to a few hundred numbers a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from ...signal.stft import magnitude_of
from .network import Affine, Folded


class Front(Protocol):
    """The input layers of all networks of a model."""

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Read a spectrum.

        Parameters
        ----------
        spectrum : Tensor, shape (channels, frames, bins), complex64

        Returns
        -------
        Tensor, shape (frames, sum of the networks' hidden sizes)
        """
        ...


class MagnitudeFront:
    """The published input layer: of the magnitude, for all networks in one product.

    Parameters
    ----------
    networks : sequence of Folded
        Of the same number of channels; one channel reads the mean of the mixture's.
    """

    def __init__(self, networks: Sequence[Folded]) -> None:
        channels = networks[0].channels
        bins = max(network.bins for network in networks)
        columns = []
        for network in networks:
            weight = network.input.weight.view(channels, network.bins, -1)
            # Zeros for the bins that another network reads and this one does not.
            columns.append(torch.nn.functional.pad(weight, (0, 0, 0, bins - network.bins)))
        self._weights = torch.cat(columns, -1).contiguous()
        self._bias = torch.cat([network.input.bias for network in networks])

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Read a spectrum; see `Front`."""
        channels, bins, _ = self._weights.shape
        magnitude = magnitude_of(spectrum[..., :bins])
        if channels == 1:
            magnitude = magnitude.mean(0, keepdim=True)
        rows = torch.addmm(self._bias, magnitude[0], self._weights[0])
        for one, weight in zip(magnitude[1:], self._weights[1:], strict=True):
            rows.addmm_(one, weight)
        return rows.tanh_()


def band_of_bin(edges: torch.Tensor) -> torch.Tensor:
    """Return which band each bin is in, from the first bins of the bands and the number of bins."""
    widths = edges.diff()
    return torch.repeat_interleave(torch.arange(len(widths)), widths)


class LogBands:
    """Features of a frame: the logarithm of power in bands.

    Four signals are looked at: left, right, their sum and their difference,
    the latter two divided by the square root of 2.

    Parameters
    ----------
    edges : Tensor, shape (bands + 1,)
        First bin of each band and, last, the number of bins.
    floor : float
        Added to the mean power of a band before the logarithm.
    device : torch.device
    """

    def __init__(self, edges: torch.Tensor, floor: float, device: torch.device) -> None:
        self._floor = floor
        widths = edges.diff()
        bands = band_of_bin(edges)
        mean = torch.zeros(int(edges[-1]), len(widths))
        mean[torch.arange(len(bands)), bands] = 1 / widths[bands].float()
        # Most bands at the bottom are single bins: those are copied, the rest averaged.
        self._single = int((widths.cumprod(0) == 1).sum())
        self._mean = mean[self._single :, self._single :].contiguous().to(device)

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Read a spectrum, (2, frames, bins), as features, (frames, 4 x bands)."""
        real, imag = spectrum.real.contiguous(), spectrum.imag.contiguous()
        power = real.new_empty((4, *real.shape[1:]))
        torch.mul(real, real, out=power[:2]).addcmul_(imag, imag)
        # Not from the powers and the product of left and right, which would leave
        # rounding where the difference of a mono recording is exactly nothing.
        for k, sign in ((2, 1), (3, -1)):
            one = real[0].add(real[1], alpha=sign)
            other = imag[0].add(imag[1], alpha=sign)
            torch.mul(one, one, out=power[k]).addcmul_(other, other).mul_(0.5)
        means = power[..., self._single :] @ self._mean
        bands = torch.cat([power[..., : self._single], means], -1)
        return bands.add_(self._floor).log_().transpose(0, 1).flatten(1)


class LogBandFront:
    """The joint network's input layer: of the logarithm of power in bands.

    Parameters
    ----------
    layer : Affine
        From (4 x bands) features to the hidden size, before the tanh.
    bands : LogBands
    """

    def __init__(self, layer: Affine, bands: LogBands) -> None:
        self._layer = layer
        self._bands = bands

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Read a spectrum of two channels; see `Front`."""
        return self._layer(self._bands(spectrum)).tanh_()
