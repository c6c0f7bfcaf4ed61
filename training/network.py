"""The joint Open-Unmix network: one trunk, masks of all targets at once.

For a stereo mixture with complex STFT X (channels, bins, frames):

1. features: L, R, M = (L + R) / sqrt 2, S = (L - R) / sqrt 2; the power of each, averaged over the
   bins of a band, as f = ln(power + 1e-4): (frames, 4 x bands), L's bands first;
2. trunk: fc1, batch norm, tanh; three bidirectional LSTM layers; their output beside their input;
   fc2, batch norm, relu;
3. masks: fc3 gives logits z (targets, channels, bands) a frame; softmax over the targets; every
   bin of a band takes the band's mask; V = mask x |X|, and so sum V = |X|.

The features of a frame all rise and fall with its loudness, and neighbours with each other; a
layer on top of them learns slowly. While training, fc1 stands behind a fixed linear map that takes
each frame's mean away and whitens what is left (principal components of the training mixtures).
All of it is linear, so exported weights have it multiplied into fc1 and the rest never sees it.
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
    components : int
        How many principal components fc1 sees while training; 0 for the features themselves, as
        in exported weights.
    """

    def __init__(self, hidden: int = 384, components: int = 768) -> None:
        super().__init__()
        self.hidden = hidden
        self.components = components
        if components:
            self.register_buffer("input_mean", torch.zeros(FEATURES * BANDS))
            self.register_buffer("whitening", torch.zeros(components, FEATURES * BANDS))
            nn.init.orthogonal_(self.whitening)
        self.fc1 = nn.Linear(components or FEATURES * BANDS, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, num_layers=3, bidirectional=True)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, TARGETS * CHANNELS * BANDS)
        nn.init.zeros_(self.fc3.bias)
        nn.init.normal_(self.fc3.weight, std=0.01)

    @torch.no_grad()
    def measure_inputs(self, features: Tensor) -> None:
        """Set mean and whitening from features of typical mixtures, (examples, 4 x bands)."""
        self.input_mean.copy_(features.mean(dim=0))
        centred = features - features.mean(dim=0)
        centred = centred - centred.mean(dim=1, keepdim=True)
        variance, directions = torch.linalg.eigh(torch.cov(centred.T.double().cpu()))
        # Damped, or directions in which hardly anything happens would be blown up into noise.
        kept = torch.argsort(variance, descending=True)[: self.components]
        damped = torch.sqrt(variance[kept].clamp_min(0) + 3e-5 * variance.sum())
        self.whitening.copy_((directions[:, kept] / damped).T)

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
        x = features.reshape(frames * batch, -1)
        if self.components:
            x = x - self.input_mean
            x = x - x.mean(dim=-1, keepdim=True)
            x = nn.functional.linear(x, self.whitening)
        x = self.fc1(x)
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
    (batch, targets, channels, bins, frames).
    """
    masks = torch.softmax(logits.float(), dim=2).permute(1, 2, 3, 4, 0)
    return masks[..., torch.as_tensor(BAND_OF_BIN, device=masks.device), :]
