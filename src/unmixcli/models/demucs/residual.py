"""The residual branch of a layer: dilated convolutions, an LSTM and attention over time.

References
----------
A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
of the ISMIR 2021 Workshop on Music Source Separation, 2021, section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3
HEADS = 4
DECAYS = 4
LSTM_LAYERS = 2
LSTM_FRAMES = 200
"""The LSTM reads no more frames at a time; longer signals are cut into overlapping parts."""


class ResidualBranch(nn.Module):
    """Several small networks in a row, each added to what it reads.

    Parameters
    ----------
    channels : int
    compression : float
        How many times fewer channels it has inside.
    depth : int
        Networks; where it is negative, their convolutions are not dilated.
    lstm, attention : bool
        Whether they have those too.
    """

    def __init__(
        self, channels: int, compression: float, depth: int, lstm: bool, attention: bool
    ) -> None:
        super().__init__()
        inside = int(channels / compression)
        if not inside:
            raise ValueError(f"{channels} channels cannot be compressed {compression:g} times")
        self.layers = nn.ModuleList()
        for k in range(abs(depth)):
            dilation = 2**k if depth > 0 else 1
            parts: list[nn.Module] = [
                nn.Conv1d(channels, inside, KERNEL, dilation=dilation, padding=dilation),
                nn.GroupNorm(1, inside),
                nn.GELU(),
            ]
            parts += [Recurrence(inside)] if lstm else []
            parts += [LocalAttention(inside)] if attention else []
            parts += [
                nn.Conv1d(inside, 2 * channels, 1),
                nn.GroupNorm(1, 2 * channels),
                nn.GLU(1),
                Scale(channels),
            ]
            self.layers.append(nn.Sequential(*parts))

    def forward(self, signal: Tensor) -> Tensor:
        """Add to a signal (batch, channels, frames) what the networks make of it."""
        for layer in self.layers:
            signal = signal + layer(signal)
        return signal


class Scale(nn.Module):
    """A factor for each channel (H. Touvron et al., "Going deeper with image transformers", 2021).

    Parameters
    ----------
    channels : int
    last : bool
        Whether channels are the last dimension, and not the last but one.
    """

    def __init__(self, channels: int, last: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(channels))
        self._last = last

    def forward(self, signal: Tensor) -> Tensor:
        """Scale a signal (..., channels, frames), or (..., channels)."""
        return signal * (self.scale if self._last else self.scale[:, None])


class Recurrence(nn.Module):
    """A bidirectional LSTM, added to what it reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, LSTM_LAYERS, bidirectional=True)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, signal: Tensor) -> Tensor:
        """Read a signal (batch, channels, frames)."""
        batch, channels, frames = signal.shape
        if frames <= LSTM_FRAMES:
            return signal + self._read(signal)
        # Parts overlap by half, and of each only the middle half is kept.
        step, edge = LSTM_FRAMES // 2, LSTM_FRAMES // 4
        parts = -(-frames // step)
        padded = F.pad(signal, (0, (parts - 1) * step + LSTM_FRAMES - frames))
        cut = padded.unfold(-1, LSTM_FRAMES, step).transpose(1, 2)
        read = self._read(cut.reshape(batch * parts, channels, LSTM_FRAMES))
        read = read.view(batch, parts, channels, LSTM_FRAMES)
        middle = read[..., edge:-edge].transpose(1, 2).flatten(2)
        joined = torch.cat([read[:, 0, :, :edge], middle, read[:, -1, :, -edge:]], -1)
        return signal + joined[..., :frames]

    def _read(self, signal: Tensor) -> Tensor:
        hidden, _ = self.lstm(signal.permute(2, 0, 1))
        return self.linear(hidden).permute(1, 2, 0)  # type: ignore[no-any-return]


class LocalAttention(nn.Module):
    """Attention over time whose weight falls with the distance, added to what it reads.

    Each frame says for each head how fast: the weight of a frame d frames away
    falls by exp(-d·s), with s between 0 and 2.5. No frame attends to itself.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % HEADS:
            raise ValueError(f"{channels} channels are no multiple of {HEADS} heads")
        self.content = nn.Conv1d(channels, channels, 1)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.query_decay = nn.Conv1d(channels, HEADS * DECAYS, 1)
        self.proj = nn.Conv1d(channels, channels, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Read a signal (batch, channels, frames)."""
        frames = signal.shape[-1]
        queries, keys, content = (
            part(signal).unflatten(1, (HEADS, -1)) for part in (self.query, self.key, self.content)
        )
        places = torch.arange(frames, dtype=signal.dtype, device=signal.device)
        speeds = torch.arange(1, DECAYS + 1, dtype=signal.dtype, device=signal.device)
        shares = torch.sigmoid(self.query_decay(signal).unflatten(1, (HEADS, DECAYS))) / 2
        decay = (shares * speeds[:, None]).sum(2) / math.sqrt(DECAYS)
        # Rows are the frames that ask, columns those that answer.
        scores = queries.transpose(-1, -2) @ keys / math.sqrt(keys.shape[2])
        scores -= decay[..., None] * (places[:, None] - places).abs()
        scores.diagonal(dim1=-2, dim2=-1).fill_(-100)
        heard = content @ torch.softmax(scores, -1).transpose(-1, -2)
        return signal + self.proj(heard.flatten(1, 2))  # type: ignore[no-any-return]
