"""Bands of bins: compressed on the way in, spread again on the way out.

Low bins keep their resolution, higher ones are merged, several to a row: music
is sparse up there. Everywhere a spectrogram is an array (batch, bins, frames,
channels), contiguous, which convolutions see as channels-last images, layer
norms as rows, and LSTMs as sequences, all without a copy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Band:
    """A run of bins and the rows that it is compressed to.

    Parameters
    ----------
    start, end : int
        Its bins.
    before, after : int
        Rows of zeros added at its edges, so that whole strides fit.
    rows : int
        What is left of it.
    """

    start: int
    end: int
    before: int
    after: int
    rows: int


def divide(
    bins: int, ratios: Sequence[float], strides: Sequence[int], kernels: Sequence[int]
) -> tuple[Band, ...]:
    """Divide bins into bands.

    Parameters
    ----------
    bins : int
        Bins, or rows of the level before.
    ratios : sequence of float
        Share of each band, from low to high. The last one takes the rest.
    strides, kernels : sequence of int
        Bins from one row to the next, and bins that a row is computed from.

    Raises
    ------
    ValueError
        If a band has too few bins to give a row, or its rows do not cover it.
    """
    shares = [sum(ratios[: n + 1]) for n in range(len(ratios) - 1)]
    edges = [0, *(math.ceil(bins * share) for share in shares), bins]
    bands = []
    for start, end, stride, kernel in zip(edges[:-1], edges[1:], strides, kernels, strict=True):
        width = end - start
        missing = kernel - 1 if stride == 1 else -width % stride
        rows = (width + missing - kernel) // stride + 1
        # A kernel shorter than its stride would leave bins out.
        if width < 1 or rows < 1 or (rows - 1) * stride + kernel < width:
            raise ValueError(
                f"{bins} bins make no bands of {list(ratios)} with kernels of {list(kernels)}"
            )
        bands.append(Band(start, end, missing // 2, missing - missing // 2, rows))
    return tuple(bands)


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
) -> torch.Tensor:
    """Convolve (batch, bins, frames, channels) over bins, by ``stride``, and frames."""
    image = x.permute(0, 3, 1, 2)
    image = F.conv2d(image, weight, bias, (stride, 1), padding, groups=groups)
    return image.permute(0, 2, 3, 1)


class Compress(nn.Module):
    """Compress each band by a convolution over its bins ("sparse down-sampling").

    Parameters
    ----------
    bands : tuple of Band
    channels, outputs : int
    strides, kernels : sequence of int
        For each band.
    """

    def __init__(
        self,
        bands: tuple[Band, ...],
        channels: int,
        outputs: int,
        strides: Sequence[int],
        kernels: Sequence[int],
    ) -> None:
        super().__init__()
        self._bands = bands
        self._strides = tuple(strides)
        self.convs = nn.ModuleList(nn.Conv2d(channels, outputs, (size, 1)) for size in kernels)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the bands of (batch, bins, frames, channels), compressed."""
        compressed = []
        for conv, band, stride in zip(self.convs, self._bands, self._strides, strict=True):
            weight, bias = conv.parameters()
            part = x[:, band.start : band.end]
            if band.before != band.after:
                part = F.pad(part, (0, 0, 0, 0, band.before, band.after))
            padding = (band.before if band.before == band.after else 0, 0)
            compressed.append(convolve(part, weight, bias, stride, padding))
        return compressed


class Spread(nn.Module):
    """Spread the rows of each band over its bins again ("sparse up-sampling").

    Parameters
    ----------
    bands : tuple of Band
        Those of the `Compress` that is undone.
    channels, outputs : int
    strides, kernels : sequence of int
        For each band.
    """

    def __init__(
        self,
        bands: tuple[Band, ...],
        channels: int,
        outputs: int,
        strides: Sequence[int],
        kernels: Sequence[int],
    ) -> None:
        super().__init__()
        self._bands = bands
        self._strides = tuple(strides)
        self.convtrs = nn.ModuleList(
            nn.ConvTranspose2d(channels, outputs, (size, 1)) for size in kernels
        )

    def keep(self, groups: int, rows: Sequence[int]) -> None:
        """Keep some of the groups of equally many channels that the outputs consist of."""
        for conv in self.convtrs:
            weight, bias = conv.parameters()
            inputs, _, *kernel = weight.shape
            weight.data = weight.view(inputs, groups, -1, *kernel)[:, list(rows)].flatten(1, 2)
            bias.data = bias.view(groups, -1)[list(rows)].flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn (batch, rows, frames, channels) into (batch, bins, frames, outputs)."""
        parts = torch.split(x, [band.rows for band in self._bands], dim=1)
        spread = []
        for part, conv, band, stride in zip(
            parts, self.convtrs, self._bands, self._strides, strict=True
        ):
            weight, bias = conv.parameters()
            image = F.conv_transpose2d(part.permute(0, 3, 1, 2), weight, bias, (stride, 1))
            width = band.end - band.start
            first = abs(width - image.shape[2]) // 2
            spread.append(image[:, :, first : first + width].permute(0, 2, 3, 1))
        return torch.cat(spread, dim=1)
