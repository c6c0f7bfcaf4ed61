"""SCNet: a spectrogram in, the spectrogram of every target out.

An encoder compresses the spectrogram band by band, a stack of LSTMs separates
it, and a decoder spreads it again, with the encoder's levels beside it.

References
----------
W. Tong, J. Zhu, J. Chen, S. Kang, T. Jiang, Y. Li, Z. Wu and H. Meng, "SCNet:
Sparse Compression Network for Music Source Separation", ICASSP 2024
(arXiv:2401.13276).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .bands import Band, Compress, Spread, convolve, divide
from .dualpath import SeparationNet
from .spectrum import Spectrum


@dataclass(frozen=True)
class Sizes:
    """What makes one SCNet differ from another.

    Parameters
    ----------
    stems : int
        Targets that are estimated.
    dims : tuple of int
        Channels of the spectrogram, a real and an imaginary part for each of
        the audio, then of each level.
    kernels, strides : tuple of int
        Of the convolutions over the bins, for each band.
    ratios : tuple of float
        Share of the bins that each band has.
    depths : tuple of int
        Residual layers on each band.
    squeezed : tuple of int
        Inner channels of those layers, at each level.
    kernel : int
        Of the convolutions along time in them.
    mixing, fusing : int
        Kernels of the convolutions over all bands, in the encoder and the decoder.
    layers, hidden : int
        Of the separation network.
    spectrum : Spectrum
    """

    stems: int
    dims: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    ratios: tuple[float, ...]
    depths: tuple[int, ...]
    squeezed: tuple[int, ...]
    kernel: int
    mixing: int
    fusing: int
    layers: int
    hidden: int
    spectrum: Spectrum

    def levels(self) -> list[tuple[Band, ...]]:
        """Return the bands of each level; ValueError where there are too few bins."""
        bins, levels = self.spectrum.bins, []
        for _ in self.dims[1:]:
            levels.append(divide(bins, self.ratios, self.strides, self.kernels))
            bins = sum(band.rows for band in levels[-1])
        return levels


class Refine(nn.Module):
    """Residual convolutions along time, on each row of a band by itself."""

    def __init__(self, channels: int, squeezed: int, kernel: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, channels),
                nn.Conv1d(channels, 2 * squeezed, kernel),
                nn.GLU(1),
                nn.Conv1d(squeezed, squeezed, kernel, groups=squeezed),
                nn.GroupNorm(1, squeezed),
                nn.SiLU(),
                nn.Conv1d(squeezed, channels, 1),
            )
            for _ in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, rows, frames, channels) to the same shape, in place for inference."""
        for layer in self.layers:
            norm, shift, widen, widen_bias, along, along_bias, *rest = layer.parameters()
            inner_norm, inner_shift, narrow, narrow_bias = rest
            padding = (0, widen.shape[-1] // 2)
            y = _normalise_rows(x, norm, shift)
            y = F.glu(convolve(y, widen[:, :, None], widen_bias, padding=padding), dim=-1)
            y = convolve(y, along[:, :, None], along_bias, padding=padding, groups=len(along))
            y = F.silu(_normalise_rows(y, inner_norm, inner_shift), inplace=True)
            added = F.linear(y, narrow[:, :, 0], narrow_bias)
            x = torch.add(x, added, out=None if torch.is_grad_enabled() else x)
        return x


class Encode(nn.Module):
    """A level of the encoder."""

    def __init__(self, sizes: Sizes, bands: tuple[Band, ...], level: int) -> None:
        super().__init__()
        inputs, channels = sizes.dims[level : level + 2]
        self.SDlayer = Compress(bands, inputs, channels, sizes.strides, sizes.kernels)
        self.conv_modules = nn.ModuleList(
            Refine(channels, sizes.squeezed[level], sizes.kernel, depth) for depth in sizes.depths
        )
        self.globalconv = nn.Conv2d(channels, channels, sizes.mixing)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the next level reads, and what the decoder adds at this level."""
        bands = zip(self.conv_modules, self.SDlayer(x), strict=True)
        skip = torch.cat([F.gelu(refine(band)) for refine, band in bands], dim=1)
        weight, bias = self.globalconv.parameters()
        return convolve(skip, weight, bias, padding=(weight.shape[-1] // 2,) * 2), skip


class Fuse(nn.Module):
    """Join a level of the encoder to the decoder, through a gated convolution."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 2 * channels, kernel)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Map (batch, rows, frames, channels) to the same shape; overwrites ``x``."""
        weight, bias = self.conv.parameters()
        # The convolution is defined on its input twice over, one copy behind the
        # other: the sum of the weights of both copies does the same for half the work.
        first, second = weight.chunk(2, dim=1)
        x += skip
        return F.glu(
            convolve(x, first + second, bias, padding=(weight.shape[-1] // 2,) * 2), dim=-1
        )


class Decode(nn.ModuleList):
    """A level of the decoder."""

    def __init__(self, sizes: Sizes, bands: tuple[Band, ...], channels: int, outputs: int) -> None:
        fuse = Fuse(channels, sizes.fusing)
        spread = Spread(bands, channels, outputs, sizes.strides, sizes.kernels)
        super().__init__([fuse, spread])

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Join (batch, rows, frames, channels) with the encoder's level and spread it."""
        fuse, spread = self
        joined: torch.Tensor = spread(fuse(x, skip))
        return joined


class SCNet(nn.Module):
    """The network. Its parts are named as published checkpoints name them.

    Parameters
    ----------
    sizes : Sizes

    Raises
    ------
    ValueError
        If the bands do not fit the bins.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.stems = sizes.stems
        self.audio_channels = sizes.dims[0] // 2
        self._spectrum = sizes.spectrum
        levels = sizes.levels()
        self.encoder = nn.ModuleList(
            Encode(sizes, bands, level) for level, bands in enumerate(levels)
        )
        self.separation_net = SeparationNet(sizes.dims[-1], sizes.hidden, sizes.layers)
        outputs = (sizes.dims[0] * sizes.stems, *sizes.dims[1:-1])
        decoder = [
            Decode(sizes, bands, channels, output)
            for channels, output, bands in zip(sizes.dims[1:], outputs, levels, strict=True)
        ]
        self.decoder = nn.ModuleList(reversed(decoder))

    def keep(self, rows: Sequence[int]) -> None:
        """Estimate these targets only, in this order, from now on."""
        for part in self.decoder[-1].modules():
            if isinstance(part, Spread):
                part.keep(self.stems, rows)
        self.stems = len(rows)

    def compute_in(self, dtype: torch.dtype) -> None:
        """Convert the weights of the LSTMs and of the convolutions over all bands.

        What lies between them, norms and transforms stay float32.
        """
        self.separation_net.to(dtype)
        for layer in self.separation_net.dp_modules:
            layer.norm_layers.float()
        for level in self.encoder:
            level.globalconv.to(dtype)
        for part in self.decoder.modules():
            if isinstance(part, Fuse):
                part.to(dtype)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, samples) to (batch, stems, channels, samples)."""
        x = self._spectrum.of(audio)
        skips = []
        for level in self.encoder:
            x, skip = level(x)
            skips.append(skip)
        x = self.separation_net(x)
        for level in self.decoder:
            x = level(x, skips.pop())
        return self._spectrum.audio(x, self.audio_channels, audio.shape[-1])


def _normalise_rows(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Normalise each row of (batch, rows, frames, channels), as a group norm of one group."""
    shape = x.shape[2:]
    return F.layer_norm(x, shape, weight.expand(shape), bias.expand(shape))
