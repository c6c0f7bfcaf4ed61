"""MDX23C: a spectrogram in, the spectrogram of every target out.

A U-Net whose image is a spectrogram cut into sub-bands, one a channel. Its
norms take their statistics over the whole image, so the length of a chunk is
part of the network.

References
----------
M. Kim, J. H. Lee and S. Jung, "Sound Demixing Challenge 2023 Music Demixing
Track Technical Report: TFC-TDF-UNet v3", arXiv:2306.09382.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from .blocks import Blocks, Gelu, Pointwise, Rescale
from .spectrum import Spectrum


@dataclass(frozen=True)
class Sizes:
    """What makes one MDX23C network differ from another.

    Parameters
    ----------
    stems : int
        Targets that are estimated.
    audio_channels : int
    bands : int
        Sub-bands of the spectrogram.
    bins : int
        Of a sub-band.
    channels, growth : int
        Of the image at first, and that each smaller scale adds.
    scales : int
        Times that the image shrinks.
    factor : tuple of int
        By how much each time: frames and bins.
    blocks : int
        At each scale.
    narrowing : int
        What the bins are divided by between two products over them.
    spectrum : Spectrum
    """

    stems: int
    audio_channels: int
    bands: int
    bins: int
    channels: int
    growth: int
    scales: int
    factor: tuple[int, int]
    blocks: int
    narrowing: int
    spectrum: Spectrum

    @property
    def values(self) -> int:
        """Channels of the spectrogram: of each of the audio, two parts of each sub-band."""
        return 2 * self.audio_channels * self.bands

    def at(self, scale: int) -> tuple[int, int, int]:
        """Return the channels, the bins and the bottleneck's bins of a scale."""
        bins = self.bins // self.factor[1] ** scale
        return self.channels + scale * self.growth, bins, bins // self.narrowing


class Encode(nn.Module):
    """A scale on the way down."""

    def __init__(self, sizes: Sizes, scale: int) -> None:
        super().__init__()
        channels, bins, narrow = sizes.at(scale)
        self.tfc_tdf = Blocks(sizes.blocks, channels, channels, bins, narrow)
        shrink = nn.Conv2d(
            channels, channels + sizes.growth, sizes.factor, sizes.factor, bias=False
        )
        self.downscale = Rescale(channels, shrink)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the image for the next scale, and this one's for the way up."""
        x = self.tfc_tdf(x)
        return self.downscale(x), x


class Decode(nn.Module):
    """A scale on the way up."""

    def __init__(self, sizes: Sizes, scale: int) -> None:
        super().__init__()
        channels, bins, narrow = sizes.at(scale)
        below = channels + sizes.growth
        grow = nn.ConvTranspose2d(below, channels, sizes.factor, sizes.factor, bias=False)
        self.upscale = Rescale(below, grow)
        self.tfc_tdf = Blocks(sizes.blocks, 2 * channels, channels, bins, narrow)

    def forward(self, x: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        """Join the image of the scale below with that of the way down."""
        joined: torch.Tensor = self.tfc_tdf(torch.cat([self.upscale(x), beside], 1))
        return joined


class MDX23C(nn.Module):
    """The network. Its parts are named as published checkpoints name them.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.stems = sizes.stems
        self.audio_channels = sizes.audio_channels
        self._bands = sizes.bands
        self._spectrum = sizes.spectrum
        channels, bins, narrow = sizes.at(sizes.scales)
        self.first_conv = Pointwise(sizes.values, sizes.channels)
        self.encoder_blocks = nn.ModuleList(Encode(sizes, n) for n in range(sizes.scales))
        self.bottleneck_block = Blocks(sizes.blocks, channels, channels, bins, narrow)
        self.decoder_blocks = nn.ModuleList(Decode(sizes, n) for n in reversed(range(sizes.scales)))
        self.final_conv = nn.Sequential(
            Pointwise(sizes.channels + sizes.values, sizes.channels),
            Gelu(),
            Pointwise(sizes.channels, sizes.stems * sizes.values),
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Estimate these targets only, in this order, from now on."""
        *_, weight = self.final_conv.parameters()
        heads = weight.view(self.stems, -1, *weight.shape[1:])
        weight.data = heads[list(rows)].flatten(0, 1)
        self.stems = len(rows)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, samples) to (batch, stems, channels, samples).

        The samples are a whole number of hops.
        """
        mixture = self._spectrum.of(audio, self._bands)
        first = x = self.first_conv(mixture)
        beside = []
        for scale in self.encoder_blocks:
            x, image = scale(x)
            beside.append(image)
        x = self.bottleneck_block(x)
        for scale in self.decoder_blocks:
            x = scale(x, beside.pop())
        x *= first
        x = self.final_conv(torch.cat([mixture, x], 1))
        return self._spectrum.audio(x, self._bands, self.audio_channels, audio.shape[-1])
