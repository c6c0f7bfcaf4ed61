"""Input layers: reduce a block of the mixture's spectrum to a few hundred numbers per frame."""

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
    """The published input layer: reads magnitudes, for all networks in one product.

    Parameters
    ----------
    networks : sequence of Folded
        All for the same number of channels; for one channel, they read the channels' mean.
    dtype : torch.dtype
        Type in which the products are computed.
    """

    def __init__(self, networks: Sequence[Folded], dtype: torch.dtype = torch.float32) -> None:
        channels = networks[0].channels
        bins = max(network.bins for network in networks)
        columns = []
        for network in networks:
            weight = network.input.weight.view(channels, network.bins, -1)
            # Zeros for bins that only other networks read.
            columns.append(torch.nn.functional.pad(weight, (0, 0, 0, bins - network.bins)))
        self._weights = torch.cat(columns, -1).contiguous().to(dtype)
        self._bias = torch.cat([network.input.bias for network in networks])

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Read a spectrum; see `Front`."""
        channels, bins, _ = self._weights.shape
        magnitude = magnitude_of(spectrum[..., :bins])
        if channels == 1:
            magnitude = magnitude.mean(0, keepdim=True)
        if self._weights.dtype != magnitude.dtype:
            magnitude = magnitude.to(self._weights.dtype)
            return torch.bmm(magnitude, self._weights).sum(0).float().add_(self._bias).tanh_()
        rows = torch.addmm(self._bias, magnitude[0], self._weights[0])
        for one, weight in zip(magnitude[1:], self._weights[1:], strict=True):
            rows.addmm_(one, weight)
        return rows.tanh_()


def band_of_bin(edges: torch.Tensor) -> torch.Tensor:
    """Return the band of each bin, given each band's first bin and, last, the number of bins."""
    widths = edges.diff()
    return torch.repeat_interleave(torch.arange(len(widths)), widths)


class LogBands:
    """Features of a frame: the logarithm of power in bands.

    It reads four signals: left, right, and their sum and difference divided by
    the square root of 2.

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
        # The lowest bands are single bins: copy those and average the rest.
        self._single = int((widths.cumprod(0) == 1).sum())
        self._mean = mean[self._single :, self._single :].contiguous().to(device)

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Turn a spectrum, (2, frames, bins), into features, (frames, 4 x bands)."""
        real, imag = spectrum.real.contiguous(), spectrum.imag.contiguous()
        power = real.new_empty((4, *real.shape[1:]))
        torch.mul(real, real, out=power[:2]).addcmul_(imag, imag)
        # Computing these from the powers and the product of left and right would leave
        # rounding errors in the difference of a mono recording, which is exactly zero.
        for k, sign in ((2, 1), (3, -1)):
            one = real[0].add(real[1], alpha=sign)
            other = imag[0].add(imag[1], alpha=sign)
            torch.mul(one, one, out=power[k]).addcmul_(other, other).mul_(0.5)
        means = power[..., self._single :] @ self._mean
        bands = torch.cat([power[..., : self._single], means], -1)
        return bands.add_(self._floor).log_().transpose(0, 1).flatten(1)


class LogBandFront:
    """The joint network's input layer: reads the logarithm of power in bands.

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
