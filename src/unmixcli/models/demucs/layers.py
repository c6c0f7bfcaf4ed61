"""The layers of the encoder and of the decoder, for the spectrogram and for the waveform.

A layer of the spectrogram works along its rows, and treats all frames alike; a
layer of the waveform works along time. Where the rows are used up, the
spectrogram has become a signal in time too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .residual import ResidualBranch


@dataclass(frozen=True)
class LayerPlan:
    """How one layer of the encoder, and its mirror in the decoder, is made.

    Attributes
    ----------
    inputs, outputs : int
        Channels of the encoder's layer.
    kernel, stride, padding : int
        Of its convolution; the decoder's gives back what the padding adds.
    rows : bool
        Whether it works along the rows of a spectrogram.
    merges : bool
        Whether the other branch joins here.
    bare : bool
        Whether there is nothing but the convolution.
    norm_groups : int
        0 for a layer without normalisation.
    rewrite : bool
        Whether a gated convolution follows.
    context : tuple of int
        How far that one looks to either side, in the encoder and in the decoder.
    compression, depth, lstm, attention
        Of the residual branch.
    branches : tuple of bool
        Whether the encoder and the decoder have such a branch.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    rows: bool
    merges: bool
    bare: bool
    norm_groups: int
    rewrite: bool
    context: tuple[int, int]
    compression: float
    depth: int
    lstm: bool
    attention: bool
    branches: tuple[bool, bool]

    def norm(self, channels: int) -> nn.Module:
        """Return the layer's normalisation, or what leaves everything as it is."""
        return nn.GroupNorm(self.norm_groups, channels) if self.norm_groups else nn.Identity()

    def branch(self, channels: int) -> ResidualBranch:
        """Return a residual branch for so many channels."""
        return ResidualBranch(channels, self.compression, self.depth, self.lstm, self.attention)

    def convolution(self, inputs: int, outputs: int, context: int) -> nn.Module:
        """Return a convolution that keeps the size."""
        kind = nn.Conv2d if self.rows else nn.Conv1d
        return kind(inputs, outputs, 1 + 2 * context, padding=context)


class EncoderLayer(nn.Module):
    """Reads a signal in fewer, wider steps."""

    def __init__(self, plan: LayerPlan) -> None:
        super().__init__()
        self.plan = plan
        channels = plan.outputs
        self.conv: nn.Module
        if plan.rows:
            self.conv = nn.Conv2d(
                plan.inputs, channels, (plan.kernel, 1), (plan.stride, 1), (plan.padding, 0)
            )
        else:
            self.conv = nn.Conv1d(plan.inputs, channels, plan.kernel, plan.stride, plan.padding)
        if plan.bare:
            return
        self.norm1 = plan.norm(channels)
        if plan.rewrite:
            self.rewrite = plan.convolution(channels, 2 * channels, plan.context[0])
            self.norm2 = plan.norm(2 * channels)
        if plan.branches[0]:
            self.dconv = plan.branch(channels)

    def forward(self, signal: Tensor, other: Tensor | None = None) -> Tensor:
        """Encode (batch, channels, [rows,] samples); add a signal of the other branch."""
        plan = self.plan
        if not plan.rows:
            signal = signal.flatten(1, -2)
            signal = F.pad(signal, (0, -signal.shape[-1] % plan.stride))
        signal = self.conv(signal)
        if plan.bare:
            return signal
        if other is not None:
            signal = signal + (other.unsqueeze(2) if plan.rows else other)
        signal = F.gelu(self.norm1(signal))
        if plan.branches[0]:
            signal = _along_time(self.dconv, signal)
        if plan.rewrite:
            signal = F.glu(self.norm2(self.rewrite(signal)), 1)
        return signal


class DecoderLayer(nn.Module):
    """The mirror of an encoder's layer.

    Parameters
    ----------
    plan : LayerPlan
        That of the encoder's layer.
    outputs : int
        Channels that it returns.
    last : bool
        Whether its answer is an estimate, and not the input of another layer.
    """

    def __init__(self, plan: LayerPlan, outputs: int, last: bool) -> None:
        super().__init__()
        self.plan = plan
        self._last = last
        channels = plan.outputs
        # A norm counts what is cut off; without one, the convolution need not make it.
        self._cut = plan.padding if plan.norm_groups else 0
        self.conv_tr: nn.ConvTranspose1d | nn.ConvTranspose2d
        if plan.rows:
            size, step, padding = plan.kernel, plan.stride, plan.padding - self._cut
            self.conv_tr = nn.ConvTranspose2d(channels, outputs, (size, 1), (step, 1), (padding, 0))
        else:
            self.conv_tr = nn.ConvTranspose1d(channels, outputs, plan.kernel, plan.stride)
        self.norm2 = plan.norm(outputs)
        if plan.bare:
            return
        if plan.rewrite:
            self.rewrite = plan.convolution(channels, 2 * channels, plan.context[1])
            self.norm1 = plan.norm(2 * channels)
        if plan.branches[1]:
            self.dconv = plan.branch(channels)

    def forward(
        self, signal: Tensor | None, skipped: Tensor | None, length: int
    ) -> tuple[Tensor, Tensor]:
        """Decode a signal.

        Parameters
        ----------
        signal : Tensor, shape (batch, channels, [rows,] samples), or None
            None counts as zeros.
        skipped : Tensor or None
            What the encoder's layer answered; None for a bare layer.
        length : int
            Samples that the encoder's layer read.

        Returns
        -------
        decoded, before : Tensor
            The answer, and what it was made of by the last convolution.
        """
        plan = self.plan
        if signal is None or skipped is None:
            joined = skipped if signal is None else signal
            assert joined is not None
        else:
            joined = signal.reshape(skipped.shape) + skipped
        if not plan.bare and plan.rewrite:
            joined = F.glu(self.norm1(self.rewrite(joined)), 1)
        if not plan.bare and plan.branches[1]:
            joined = _along_time(self.dconv, joined)
        decoded = self.norm2(self.conv_tr(joined))
        if not plan.rows:
            decoded = decoded[..., plan.padding : plan.padding + length]
        elif self._cut:
            decoded = decoded[..., self._cut : -self._cut, :]
        return decoded if self._last else F.gelu(decoded), joined

    def keep(self, outputs: list[int]) -> None:
        """Reduce a last layer without normalisation to some of its outputs, in their order."""
        convolution = self.conv_tr
        convolution.weight = nn.Parameter(convolution.weight[:, outputs].clone(), False)
        if convolution.bias is not None:
            convolution.bias = nn.Parameter(convolution.bias[outputs].clone(), False)
        convolution.out_channels = len(outputs)


def _along_time(branch: nn.Module, signal: Tensor) -> Tensor:
    """Apply a network of signals in time; every row of a spectrogram is one."""
    if signal.dim() == 3:
        return branch(signal)  # type: ignore[no-any-return]
    rows = signal.transpose(1, 2)
    answer: Tensor = branch(rows.flatten(0, 1)).view(rows.shape)
    return answer.transpose(1, 2)


def empty_embedding(places: int, channels: int) -> nn.Embedding:
    """Return an embedding without numbers.

    To draw its first guess without memory, PyTorch would import its compiler,
    which takes seconds.
    """
    return nn.Embedding.from_pretrained(torch.empty(places, channels), freeze=False)
