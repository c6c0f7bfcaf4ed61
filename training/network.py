"""The joint Open-Unmix network: one trunk, masks of all targets at once.

For a stereo mixture with complex STFT X (channels, bins, frames):

1. features: L, R, M = (L + R) / sqrt 2, S = (L - R) / sqrt 2; the power of each, averaged over the
   bins of a band, as f = ln(power + 1e-4): (frames, 4 x bands), L's bands first;
2. trunk: fc1, batch norm, tanh; three bidirectional LSTM layers; their output beside their input;
   fc2, batch norm, relu;
3. masks: fc3 gives logits z (targets, channels, bands) a frame; softmax over the targets; every
   bin of a band takes the band's mask; V = mask x |X|, and so sum V = |X|.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .bands import BAND_OF_BIN, BANDS, EDGES

FEATURES = 4
CHANNELS = 2
TARGETS = 4
FLOOR = 1e-4


class JointOpenUnmix(nn.Module):
    """Masks of all targets from the log power of a stereo mixture.

    Parameters
    ----------
    hidden : int
        Width of the trunk; each LSTM direction has half of it.
    """

    def __init__(self, hidden: int = 384) -> None:
        super().__init__()
        self.hidden = hidden
        self.input_mean = nn.Parameter(torch.zeros(FEATURES * BANDS), requires_grad=False)
        self.input_scale = nn.Parameter(torch.ones(FEATURES * BANDS), requires_grad=False)
        self.fc1 = nn.Linear(FEATURES * BANDS, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, num_layers=3, bidirectional=True)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, TARGETS * CHANNELS * BANDS)
        nn.init.zeros_(self.fc3.bias)
        nn.init.normal_(self.fc3.weight, std=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the masks.

        Parameters
        ----------
        features : Tensor, shape (frames, batch, 4 x bands)

        Returns
        -------
        Tensor, shape (frames, batch, targets, channels, bands)
        """
        frames, batch, _ = features.shape
        x = (features + self.input_mean) * self.input_scale
        x = self.fc1(x.reshape(frames * batch, -1))
        x = torch.tanh(self.bn1(x.float()))
        y, _ = self.lstm(x.reshape(frames, batch, -1))
        x = torch.cat([x, y.reshape(frames * batch, -1)], dim=-1)
        x = torch.relu(self.bn2(self.fc2(x).float()))
        return self.fc3(x).reshape(frames, batch, TARGETS, CHANNELS, BANDS)


def features_of(spectrogram: Tensor) -> Tensor:
    """Features of a complex STFT.

    Parameters
    ----------
    spectrogram : complex Tensor, shape (batch, 2, bins, frames)

    Returns
    -------
    Tensor, shape (frames, batch, 4 x bands)
    """
    left, right = spectrogram[:, 0], spectrogram[:, 1]
    root = 0.5**0.5
    signals = torch.stack([left, right, (left + right) * root, (left - right) * root], dim=1)
    power = band_mean(signals.real**2 + signals.imag**2)
    return torch.log(power + FLOOR).permute(3, 0, 1, 2).flatten(2)


def band_mean(power: Tensor) -> Tensor:
    """Mean over each band's bins, axis -2: (..., bins, frames) to (..., bands, frames)."""
    index = torch.as_tensor(BAND_OF_BIN, device=power.device)
    total = power.new_zeros(*power.shape[:-2], BANDS, power.shape[-1]).index_add_(-2, index, power)
    width = torch.as_tensor(np.diff(EDGES), device=power.device, dtype=power.dtype)
    return total / width[:, None]


def masks_of(logits: Tensor) -> Tensor:
    """Masks for every STFT bin: (frames, batch, targets, channels, bands) to
    (batch, targets, channels, bins, frames)."""
    masks = torch.softmax(logits.float(), dim=2).permute(1, 2, 3, 4, 0)
    return masks[..., torch.as_tensor(BAND_OF_BIN, device=masks.device), :]
