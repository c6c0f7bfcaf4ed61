"""The transformer between the two branches: each attends to itself and to the other in turn.

References
----------
S. Rouard, F. Massa, A. Défossez, "Hybrid Transformers for Music Source
Separation", ICASSP 2023.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .arguments import HTDemucsArguments
from .layers import empty_embedding
from .residual import Scale

BOOST = 3
"""What learnt positions are multiplied by."""


class CrossTransformer(nn.Module):
    """Layers for the spectrogram and layers for the waveform, side by side.

    Parameters
    ----------
    arguments : HTDemucsArguments
    channels : int
    """

    def __init__(self, arguments: HTDemucsArguments, channels: int) -> None:
        super().__init__()
        if channels % arguments.t_heads or channels % 4:
            raise ValueError(
                f"{channels} channels are no multiple of 4 and of {arguments.t_heads} heads"
            )
        self._arguments = arguments
        self._tables: dict[object, Tensor] = {}
        self.norm_in = _first_norm(arguments, channels)
        self.norm_in_t = _first_norm(arguments, channels)
        if arguments.t_emb == "scaled":
            self.position_embeddings = _Learnt(arguments.t_max_positions, channels)
        crossing = [k % 2 != int(arguments.t_cross_first) for k in range(arguments.t_layers)]
        self.layers = nn.ModuleList(TransformerLayer(arguments, channels, c) for c in crossing)
        self.layers_t = nn.ModuleList(TransformerLayer(arguments, channels, c) for c in crossing)

    def forward(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Transform both branches.

        Parameters
        ----------
        spectrum : Tensor, shape (batch, channels, rows, frames)
        wave : Tensor, shape (batch, channels, samples)

        Returns
        -------
        spectrum, wave : Tensor
            Of the same shapes.
        """
        rows, frames = spectrum.shape[2:]
        # Frame after frame, and the rows of each: (batch, places, channels).
        x = spectrum.permute(0, 3, 2, 1).flatten(1, 2)
        t = wave.transpose(1, 2)
        x = self.norm_in(x) + self._table(x, rows, frames)
        t = self.norm_in_t(t) + self._table(t, None, t.shape[1])
        for layer, layer_t in zip(self.layers, self.layers_t, strict=True):
            x, t = layer(x, t), layer_t(t, x)
        return x.unflatten(1, (frames, rows)).permute(0, 3, 2, 1), t.transpose(1, 2)

    def _table(self, signal: Tensor, rows: int | None, places: int) -> Tensor:
        """Return what the places of a signal add to it, from memory after the first time."""
        key = (rows, places, signal.device, signal.dtype)
        if key not in self._tables:
            if len(self._tables) > 8:  # ends of tracks may all be of their own length
                self._tables.clear()
            if rows is not None:
                table = _grid(signal.shape[2], rows, places, self._arguments.t_max_period)
            else:
                table = self._line(signal.shape[2], places)
            self._tables[key] = self._arguments.t_weight_pos_embed * table.to(signal)
        return self._tables[key]

    def _line(self, channels: int, places: int) -> Tensor:
        arguments = self._arguments
        if arguments.t_emb == "scaled":
            return self.position_embeddings.embedding.weight[:places] * BOOST
        line = torch.arange(places, dtype=torch.float32)
        if arguments.t_emb == "cape" and arguments.t_cape_mean_normalize:
            line = line - line.mean()
        half = channels // 2
        periods = arguments.t_max_period ** (torch.arange(half) / (half - 1))
        phase = line[:, None] / periods
        return torch.cat([phase.cos(), phase.sin()], 1)


class TransformerLayer(nn.Module):
    """Attention and a feed-forward network, each added to what it reads.

    Parameters
    ----------
    arguments : HTDemucsArguments
    channels : int
    crossing : bool
        Whether it attends to the other branch, and not to its own.
    """

    def __init__(self, arguments: HTDemucsArguments, channels: int, crossing: bool) -> None:
        super().__init__()
        self._first = arguments.t_norm_first
        self._crossing = crossing
        self._activation = F.gelu if arguments.t_gelu else F.relu
        attention = Attention(channels, arguments.t_heads)
        if crossing:
            self.cross_attn = attention
        else:
            self.self_attn = attention
        hidden = int(channels * arguments.t_hidden_scale)
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm1 = _norm(arguments, channels)
        self.norm2 = _norm(arguments, channels)
        if crossing:  # that of the feed-forward network; norm2 is for what is attended to
            self.norm3 = _norm(arguments, channels)
        scales = arguments.t_layer_scale
        self.gamma_1 = Scale(channels, last=True) if scales else nn.Identity()
        self.gamma_2 = Scale(channels, last=True) if scales else nn.Identity()
        self.norm_out: nn.Module = nn.Identity()
        if self._first and arguments.t_norm_out:
            self.norm_out = GroupNorm(1, channels)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Transform (batch, places, channels); ``other`` has places of its own."""
        if not self._first:
            heard = self.cross_attn(own, other) if self._crossing else self.self_attn(own, own)
            own = self.norm1(own + self.gamma_1(heard))
            return self.norm2(own + self.gamma_2(self._feed(own)))  # type: ignore[no-any-return]
        asked = self.norm1(own)
        if self._crossing:
            own = own + self.gamma_1(self.cross_attn(asked, self.norm2(other)))
            own = own + self.gamma_2(self._feed(self.norm3(own)))
        else:
            own = own + self.gamma_1(self.self_attn(asked, asked))
            own = own + self.gamma_2(self._feed(self.norm2(own)))
        return self.norm_out(own)  # type: ignore[no-any-return]

    def _feed(self, signal: Tensor) -> Tensor:
        return self.linear2(self._activation(self.linear1(signal)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Attention with several heads, with the parameters that torch's own has."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * channels))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Attend: (batch, places, channels) to (batch, other places, channels)."""
        size = asking.shape[-1]
        if asking is asked:
            query, key, value = F.linear(asking, self.in_proj_weight, self.in_proj_bias).chunk(
                3, -1
            )
        else:
            weights, biases = self.in_proj_weight, self.in_proj_bias
            query = F.linear(asking, weights[:size], biases[:size])
            key, value = F.linear(asked, weights[size:], biases[size:]).chunk(2, -1)
        heard = F.scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(value)
        )
        return self.out_proj(heard.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, signal: Tensor) -> Tensor:
        """Give each head its channels: (batch, heads, places, channels of a head)."""
        return signal.view(*signal.shape[:2], self._heads, -1).transpose(1, 2)


class GroupNorm(nn.GroupNorm):
    """Normalises (batch, places, channels) over all places."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class _Learnt(nn.Module):
    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        self.embedding = empty_embedding(places, channels)


def _norm(arguments: HTDemucsArguments, channels: int) -> nn.Module:
    groups = arguments.t_group_norm
    return GroupNorm(groups, channels) if groups else nn.LayerNorm(channels)


def _first_norm(arguments: HTDemucsArguments, channels: int) -> nn.Module:
    if arguments.t_norm_in:
        return nn.LayerNorm(channels)
    groups = arguments.t_norm_in_group
    return GroupNorm(groups, channels) if groups else nn.Identity()


def _grid(channels: int, rows: int, frames: int, max_period: float) -> Tensor:
    """Return sines and cosines of frames, then of rows: (frames * rows, channels)."""
    half = channels // 2
    periods = torch.exp(torch.arange(0.0, half, 2) * (-math.log(max_period) / half))

    def waves(places: int) -> Tensor:
        phase = torch.arange(float(places))[:, None] * periods
        return torch.stack([phase.sin(), phase.cos()], -1).flatten(1)

    along_frames = waves(frames)[:, None].expand(-1, rows, -1)
    along_rows = waves(rows)[None].expand(frames, -1, -1)
    return torch.cat([along_frames, along_rows], -1).flatten(0, 1)
