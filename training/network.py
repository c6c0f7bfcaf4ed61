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
    started : bool
        Whether the first layer goes on from given weights of its own, in the buffer `base`: fc1
        learns what is added to them.
    refine : int
        Channels of the refinement of the masks; 0 for none.
    """

    def __init__(
        self, hidden: int = 384, components: int = 768, started: bool = False, refine: int = 0
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.components = components
        self.started = started
        self.refine = Refinement(refine) if refine else None
        if components:
            self.register_buffer("input_mean", torch.zeros(FEATURES * BANDS))
            self.register_buffer("whitening", torch.zeros(components, FEATURES * BANDS))
            nn.init.orthogonal_(self.whitening)
        if started:
            self.register_buffer("base", torch.zeros(hidden, FEATURES * BANDS))
        self.fc1 = nn.Linear(components or FEATURES * BANDS, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, num_layers=3, bidirectional=True)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, TARGETS * CHANNELS * BANDS)
        nn.init.zeros_(self.fc3.bias)
        nn.init.normal_(self.fc3.weight, std=0.01)

    @property
    def shape(self) -> dict[str, int | bool]:
        """The arguments that make a network of the same shape."""
        refine = len(self.refine.conv1.bias) if self.refine else 0
        return {"hidden": self.hidden, "components": self.components,
                "started": self.started, "refine": refine}  # fmt: skip

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

    def forward(self, features: Tensor, kept: slice = slice(None)) -> Tensor:
        """Logits of the masks.

        Parameters
        ----------
        features : Tensor, shape (frames, batch, 4 x bands)
        kept : slice
            Frames whose masks are wanted; the LSTM hears all.

        Returns
        -------
        Tensor, shape (frames kept, batch, targets, channels, bands)
        """
        frames, batch, _ = features.shape
        x = self._first_layer(features.reshape(frames * batch, -1))
        x = torch.tanh(self.bn1(x.float()))
        x = x.reshape(frames, batch, -1)
        y, _ = self.lstm(x)
        x = torch.cat([x[kept], y[kept]], dim=-1).flatten(0, 1)
        x = torch.relu(self.bn2(self.fc2(x).float()))
        logits = self.fc3(x).reshape(-1, batch, TARGETS, CHANNELS, BANDS)
        return self.refine(features[kept], logits) if self.refine else logits

    def _first_layer(self, x: Tensor) -> Tensor:
        """What bn1 gets of the features, (frames x batch, hidden)."""
        if not self.components:
            return self.fc1(x)
        x = x - self.input_mean
        level = x.mean(dim=-1, keepdim=True)
        y = self.fc1(nn.functional.linear(x - level, self.whitening))
        if not self.started:
            return y
        # The mean is taken out first, so that bfloat16 rounds what varies only.
        return y + nn.functional.linear(x, self.base) + self.base @ self.input_mean


class Refinement(nn.Module):
    """Small convolutions over frames and bands that correct the logits.

    The trunk puts all masks of a frame through one vector of the hidden size, which blurs them.
    Here each mask also sees the features of its own band and of those around it, in this frame
    and in its neighbours.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(FEATURES + TARGETS * CHANNELS, channels, 3, padding=1)
        # What a pattern means depends on the band: each has biases of its own.
        self.position = nn.Parameter(torch.zeros(channels, 1, BANDS))
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, TARGETS * CHANNELS, 1)
        nn.init.zeros_(self.conv3.weight)
        nn.init.zeros_(self.conv3.bias)

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        """The logits, corrected: shapes as `JointOpenUnmix.forward` takes and gives."""
        frames, batch, _ = features.shape
        level = features.mean(dim=-1, keepdim=True)
        local = ((features - level) / 4).reshape(frames, batch, FEATURES, BANDS)
        x = torch.cat([local.to(logits.dtype), logits.flatten(2, 3)], dim=2)
        # Channels last, which processors convolve fastest.
        x = x.permute(1, 2, 0, 3).contiguous(memory_format=torch.channels_last)
        x = torch.relu(self.conv1(x) + self.position.to(x.dtype))
        x = self.conv3(torch.relu(self.conv2(x)))
        return logits + x.permute(2, 0, 1, 3).reshape(logits.shape)


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
