"""The layers of MDX23C, named as published checkpoints name them.

A spectrogram is an image (batch, channels, frames, bins) that lies channels
last in memory: convolutions, norms and products over the bins read it so.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-5


class Norm(nn.Module):
    """Normalises each channel over all frames and bins: an instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to another of its shape."""
        if len(x) == 1:
            # For a single item a batch norm is the same, and reads the image as it lies.
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=EPSILON)
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=EPSILON)


class Gelu(nn.Module):
    """The activation, in place: new memory costs more than the arithmetic."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Overwrite an image."""
        activated: torch.Tensor = torch.ops.aten.gelu_(x)
        return activated


class OverBins(nn.Module):
    """Multiplies the bins of each frame and channel by a matrix."""

    def __init__(self, bins: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, bins))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, frames, bins) to (batch, channels, frames, outputs)."""
        image = x.permute(0, 2, 3, 1)
        frames = image.flatten(0, 1)
        mapped = torch.bmm(self.weight.expand(len(frames), -1, -1), frames)
        return mapped.view(*image.shape[:2], *mapped.shape[1:]).permute(0, 3, 1, 2)


class Pointwise(nn.Module):
    """A convolution of one frame and one bin: a matrix product over the channels."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, frames, bins) to (batch, outputs, frames, bins)."""
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1)).permute(0, 3, 1, 2)


def step(channels: int, layer: nn.Module) -> list[nn.Module]:
    """Return what every layer comes with: a norm and the activation before it."""
    return [Norm(channels), Gelu(), layer]


class Block(nn.Module):
    """Two convolutions, with two products over the bins between them, beside a shortcut.

    Parameters
    ----------
    inputs, channels : int
    bins, narrow : int
        Of the image, and between the products.
    """

    def __init__(self, inputs: int, channels: int, bins: int, narrow: int) -> None:
        super().__init__()
        first = nn.Conv2d(inputs, channels, 3, padding=1, bias=False)
        second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.tfc1 = nn.Sequential(*step(inputs, first))
        self.tdf = nn.Sequential(
            *step(channels, OverBins(bins, narrow)), *step(channels, OverBins(narrow, bins))
        )
        self.tfc2 = nn.Sequential(*step(channels, second))
        self.shortcut = Pointwise(inputs, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to one of as many frames and bins."""
        y: torch.Tensor = self.tfc1(x)
        y += self.tdf(y)
        y = self.tfc2(y)
        y += self.shortcut(x)
        return y


class Blocks(nn.Module):
    """Blocks in a row; see `Block`."""

    def __init__(self, count: int, inputs: int, channels: int, bins: int, narrow: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(channels if number else inputs, channels, bins, narrow) for number in range(count)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to one of as many frames and bins."""
        for block in self.blocks:
            x = block(x)
        return x


class Rescale(nn.Module):
    """A norm, the activation and a convolution that changes the size of the image.

    Parameters
    ----------
    channels : int
    layer : Module
        A convolution or its transpose, whose stride is its kernel.
    """

    def __init__(self, channels: int, layer: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Sequential(*step(channels, layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to a smaller or a larger one."""
        rescaled: torch.Tensor = self.conv(x)
        return rescaled
