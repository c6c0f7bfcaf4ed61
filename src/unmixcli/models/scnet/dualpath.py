"""The separation network: LSTMs along the bins and along the frames, in turn.

Every second layer works on the Fourier transform along time of what the one
before gave: long patterns of the music are short ones there.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class DualPath(nn.Module):
    """One layer: an LSTM over the bins of each frame, then one over the frames of each bin.

    Parameters
    ----------
    channels : int
    hidden : int
        Size of each direction of the LSTMs.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        # Not batch_first: the arrays below already have the steps in front.
        self.lstm_layers = nn.ModuleList(
            nn.LSTM(channels, hidden, bidirectional=True) for _ in range(2)
        )
        self.linear_layers = nn.ModuleList(nn.Linear(2 * hidden, channels) for _ in range(2))
        self.norm_layers = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, bins, frames, channels) to the same shape."""
        paths = zip(self.norm_layers, self.lstm_layers, self.linear_layers, strict=True)
        for axis, (norm, lstm, linear) in enumerate(paths, start=1):
            steps = _normalise(x, norm).movedim(axis, 0)
            # All sequences of the layer in one call: (steps, sequences, channels).
            sequences = steps.flatten(1, 2).to(next(linear.parameters()).dtype)
            estimate = linear(lstm(sequences)[0])
            x = x + estimate.view(steps.shape).movedim(0, axis)
        return x


class SeparationNet(nn.Module):
    """Layers of `DualPath`, of which every second works on a Fourier transform.

    Parameters
    ----------
    channels, hidden : int
        Of the layers in time; those on the transform have twice as many, for
        the real and the imaginary part.
    layers : int
        Even.
    """

    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.dp_modules = nn.ModuleList(
            DualPath(channels * (1 + n % 2), hidden * (1 + n % 2)) for n in range(layers)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, bins, frames, channels) to the same shape; the frames are even."""
        frames = x.shape[2]
        for number, layer in enumerate(self.dp_modules):
            x = layer(x)
            if number % 2 == 0:
                spectra = torch.fft.rfft(x, dim=2, norm="ortho")
                x = torch.cat([spectra.real, spectra.imag], dim=-1)
            else:
                real, imag = x.chunk(2, dim=-1)
                x = torch.fft.irfft(torch.complex(real, imag), n=frames, dim=2, norm="ortho")
        return x


def _normalise(x: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    """Normalise each item of a batch over everything, as a group norm of one group does."""
    gain, shift = norm.parameters()
    # A layer norm sums faster than `var_mean` and more exactly than a channels-last group norm.
    y = F.layer_norm(x, x.shape[1:])
    out = None if torch.is_grad_enabled() else y
    return torch.addcmul(shift, y, gain, out=out)
