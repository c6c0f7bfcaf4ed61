"""The Open-Unmix network, split into parts so that a stream can pass through it.

For each frame, an input layer (`front`) reduces the mixture's spectrum to a few
hundred numbers. LSTM layers run over these numbers, forwards and backwards. An
output layer (`head`) turns each frame into a gain for every bin. Only the LSTM
reads other frames, and it needs only the compact numbers, so the first and the
last part work on any block of frames.

Scalings, means and batch norms are affine, so they are folded into the adjacent
linear layers; the folding is computed in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from .checkpoint import Checkpoint

BATCH_NORM_EPS = 1e-5

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Affine:
    """``x @ weight + bias``, with the weight of shape (inputs, outputs).

    If the weight is bfloat16, the product is computed in bfloat16 and the sum
    with the bias in float32.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def on(cls, device: torch.device, weight: torch.Tensor, bias: torch.Tensor) -> Affine:
        """Put a layer on a device, in float32."""
        return cls(weight.float().contiguous().to(device), bias.float().contiguous().to(device))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply to rows, shape (rows, inputs)."""
        if self.weight.dtype == self.bias.dtype:
            return torch.addmm(self.bias, x, self.weight)
        return torch.mm(x.to(self.weight.dtype), self.weight).float().add_(self.bias)

    def to(self, dtype: torch.dtype) -> Affine:
        """Return the layer with a weight of another type."""
        return replace(self, weight=self.weight.to(dtype))


@dataclass(frozen=True)
class Trunk:
    """The part of a network between its input layer and its output layer.

    Attributes
    ----------
    hidden : int
        Numbers per frame, in its input and its output.
    layers : list of list of LSTM
        For each layer, the forward direction and, if it exists, the backward one.
    skip, merge : Affine, Tensor
        The layer after the LSTM, split into the part that reads the output of
        the input layer and the part that reads the LSTM's.
    """

    hidden: int
    layers: list[list[nn.LSTM]]
    skip: Affine
    merge: torch.Tensor

    @classmethod
    def of(
        cls, state: State, second: torch.Tensor, bias: torch.Tensor, device: torch.device
    ) -> Trunk:
        """Build a trunk.

        Parameters
        ----------
        state : mapping of str to Tensor
            Holds the LSTM's weights under the names of `torch.nn.LSTM`, prefixed with ``lstm.``.
        second, bias : Tensor, shape (2 x hidden, hidden) and (hidden,)
            The layer after the LSTM, with its norm folded in.
        device : torch.device
        """
        hidden = bias.shape[0]
        directions = ("", "_reverse") if "lstm.weight_ih_l0_reverse" in state else ("",)
        layers = sum(key.startswith("lstm.weight_ih") for key in state) // len(directions)
        return cls(
            hidden,
            [
                [_lstm(state, f"_l{layer}{direction}", device) for direction in directions]
                for layer in range(layers)
            ],
            Affine.on(device, second[:hidden], bias),
            second[hidden:].float().contiguous().to(device),
        )

    def to(self, dtype: torch.dtype) -> Trunk:
        """Return the trunk with weights of another type; data between layers stays float32."""
        if dtype == torch.float32:
            return self
        layers = [[copy.deepcopy(lstm).to(dtype) for lstm in layer] for layer in self.layers]
        return replace(self, layers=layers, skip=self.skip.to(dtype), merge=self.merge.to(dtype))


@dataclass(frozen=True)
class Folded:
    """A published network, folded into linear layers and a trunk.

    Attributes
    ----------
    input : Affine
        From (channels x bins) magnitudes to the hidden size, before the tanh.
    trunk : Trunk
    output : Tensor, shape (channels, output bins, hidden)
    output_bias : Tensor, shape (channels, output bins)
        From the hidden size to gains, before the rectifier.
    """

    channels: int
    bins: int
    input: Affine
    trunk: Trunk
    output: torch.Tensor
    output_bias: torch.Tensor


def fold(checkpoint: Checkpoint, device: torch.device) -> Folded:
    """Fold a checkpoint's means, scales and batch norms into its linear layers."""
    state = {k: v.double() for k, v in checkpoint.state.items() if not k.startswith("lstm.")}
    channels = checkpoint.channels
    scale1, shift1 = _batch_norm(state, "bn1")
    # (x + mean) * scale for every channel, then the first layer, then its norm.
    first = state["fc1.weight"] * state["input_scale"].repeat(channels)
    offset = first @ state["input_mean"].repeat(channels)
    scale2, shift2 = _batch_norm(state, "bn2")
    scale3, shift3 = _batch_norm(state, "bn3")
    shape = (channels, checkpoint.output_bins)
    scale = state["output_scale"]
    third = (scale3[:, None] * state["fc3.weight"]).view(*shape, -1)
    return Folded(
        channels,
        checkpoint.bins,
        Affine.on(device, (scale1[:, None] * first).T, scale1 * offset + shift1),
        Trunk.of(checkpoint.state, (scale2[:, None] * state["fc2.weight"]).T, shift2, device),
        scale[:, None] * third,
        scale * shift3.view(shape) + state["output_mean"],
    )


def _batch_norm(state: State, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scale and the shift that a batch norm applies in inference."""
    scale = state[f"{name}.weight"] / (state[f"{name}.running_var"] + BATCH_NORM_EPS).sqrt()
    return scale, state[f"{name}.bias"] - scale * state[f"{name}.running_mean"]


def _lstm(state: State, suffix: str, device: torch.device) -> nn.LSTM:
    """Build one direction of one layer; each runs over blocks in its own order."""
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    own = {f"{part}_l0": state[f"lstm.{part}{suffix}"].float() for part in parts}
    width, hidden = own["weight_hh_l0"].shape[1], own["weight_ih_l0"].shape[1]
    lstm = nn.LSTM(hidden, width)
    lstm.load_state_dict(own)
    return lstm.requires_grad_(False).eval().to(device)
