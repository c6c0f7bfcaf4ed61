"""The layers of MDX23C, named as published checkpoints name them.

A spectrogram is an image (batch, channels, frames, bins) that lies channels
last in memory: convolutions, norms and products over the bins read it so.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-5

BLOCK = 1 << 18
"""Values that are worked on at a time, 1 MiB: what one operation leaves in the cache, the
next one finds there."""


class Activate(nn.Module):
    """An instance norm, which normalises each channel over all frames and bins, and GELU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to another of its shape."""
        if torch.is_grad_enabled():
            # The backward pass of torch's own norm is wrong for gradients that lie channels last.
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            scale = self.weight[:, None, None] * torch.rsqrt(variance + EPSILON)
            return F.gelu((x - mean) * scale + self.bias[:, None, None])
        if x.device.type != "cpu":
            normalised = F.instance_norm(x, weight=self.weight, bias=self.bias, eps=EPSILON)
            return F.gelu(normalised)
        image = x.permute(0, 2, 3, 1).contiguous()
        activated = torch.empty_like(image)
        for pixels, out in zip(image.flatten(1, 2), activated.flatten(1, 2), strict=True):
            self._activate(pixels, out)
        return activated.permute(0, 3, 1, 2)

    def _activate(self, pixels: torch.Tensor, out: torch.Tensor) -> None:
        """Do the same to one image (frames · bins, channels)."""
        rows = max(1, BLOCK // pixels.shape[1])
        blocks = torch.split(pixels, rows)
        # torch's own norm of an image that lies channels last adds up hundreds of
        # thousands of numbers one by one, and loses three digits. Here blocks are
        # added up, of numbers close to 0, so that the squares lose none either.
        pivot = blocks[0].mean(0)
        buffer = torch.empty_like(blocks[0])
        sums, squares = [], []
        for block in blocks:
            moved = torch.sub(block, pivot, out=buffer[: len(block)])
            sums.append(moved.sum(0))
            squares.append(moved.mul_(moved).sum(0))
        offset = torch.stack(sums).double().sum(0) / len(pixels)
        variance = torch.stack(squares).double().sum(0) / len(pixels) - offset.square()
        scale = self.weight * torch.rsqrt(variance + EPSILON)
        shift = (self.bias - (pivot + offset) * scale).float()
        scale = scale.float()
        for block, part in zip(blocks, torch.split(out, rows), strict=True):
            torch.addcmul(shift, block, scale, out=part)
            torch.ops.aten.gelu_(part)


class Gelu(nn.Module):
    """The activation, in place for inference."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image to another of its shape."""
        if torch.is_grad_enabled():
            return F.gelu(x)
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
    """Return a layer with what comes before each: norm and activation, as one."""
    return [Activate(channels), nn.Identity(), layer]


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
        y = torch.add(y, self.tdf(y), out=None if torch.is_grad_enabled() else y)
        y = self.tfc2(y)
        y = torch.add(y, self.shortcut(x), out=None if torch.is_grad_enabled() else y)
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
