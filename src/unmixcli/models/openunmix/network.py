"""The Open-Unmix network, taken apart where a stream has to pass through it.

For each frame, an input layer reads the mixture's magnitude and leaves a few
hundred numbers; LSTM layers run over those of all frames, forwards and
backwards; an output layer makes of each frame a gain for every bin. Only the
LSTM needs to see other frames, and it only needs the compact numbers, so the
first and the last part work on any block of frames.

Scalings, means and batch norms are affine, so they are folded into the linear
layers beside them; the arithmetic of the folding is done in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from .checkpoint import Checkpoint

BATCH_NORM_EPS = 1e-5


@dataclass(frozen=True)
class Affine:
    """``x @ weight + bias``, with the weight of shape (inputs, outputs)."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply to rows, shape (rows, inputs)."""
        return torch.addmm(self.bias, x, self.weight)


@dataclass(frozen=True)
class Network:
    """One network, ready for inference.

    Attributes
    ----------
    targets : tuple of str
        One for each head in use.
    input : Affine
        From (channels x bins) magnitudes to the hidden size, before the tanh.
    layers : list of list of LSTM
        For each layer the forward direction and, where there is one, the backward one.
    skip, merge : Affine, Tensor
        The layer after the LSTM, split in the part that reads the input
        layer's output and the part that reads the LSTM's.
    output : list of Affine
        For each range of bins, from the hidden size to (heads x channels x
        bins of the range) gains, before the rectifier.
    """

    targets: tuple[str, ...]
    channels: int
    bins: int
    hidden: int
    input: Affine
    layers: list[list[nn.LSTM]]
    skip: Affine
    merge: torch.Tensor
    output: list[Affine]


def build_network(
    checkpoint: Checkpoint,
    heads: dict[str, int],
    ranges: list[tuple[int, int]],
    device: torch.device,
) -> Network:
    """Fold a checkpoint into a network.

    Parameters
    ----------
    checkpoint : Checkpoint
    heads : dict of str to int
        The targets wanted, and which head of the network estimates each.
    ranges : list of (int, int)
        First and one past the last bin of each range that the output layer
        works on at a time; together the bins of the spectrum. Bins that the
        network does not estimate get the mean gain of its highest ones.
    device : torch.device

    Returns
    -------
    Network
    """
    state = {key: value.double() for key, value in checkpoint.state.items()}
    scale1, shift1 = _batch_norm(state, "bn1")
    # (x + mean) * scale for every channel, then the first layer, then its norm.
    first = state["fc1.weight"] * state["input_scale"].repeat(checkpoint.channels)
    offset = first @ state["input_mean"].repeat(checkpoint.channels)
    scale2, shift2 = _batch_norm(state, "bn2")
    second = (scale2[:, None] * state["fc2.weight"]).T
    hidden = checkpoint.hidden
    return Network(
        targets=tuple(heads),
        channels=checkpoint.channels,
        bins=checkpoint.bins,
        hidden=hidden,
        input=_affine((scale1[:, None] * first).T, scale1 * offset + shift1, device),
        layers=[
            [
                _lstm(checkpoint, f"_l{layer}{direction}", device)
                for direction in (("", "_reverse") if checkpoint.bidirectional else ("",))
            ]
            for layer in range(checkpoint.layers)
        ],
        skip=_affine(second[:hidden], shift2, device),
        merge=second[hidden:].float().contiguous().to(device),
        output=_output_layers(checkpoint, state, list(heads.values()), ranges, device),
    )


def _affine(weight: torch.Tensor, bias: torch.Tensor, device: torch.device) -> Affine:
    return Affine(weight.float().contiguous().to(device), bias.float().to(device))


def _batch_norm(state: dict[str, torch.Tensor], name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scale and the shift that a batch norm amounts to in inference."""
    scale = state[f"{name}.weight"] / (state[f"{name}.running_var"] + BATCH_NORM_EPS).sqrt()
    return scale, state[f"{name}.bias"] - scale * state[f"{name}.running_mean"]


def _lstm(checkpoint: Checkpoint, suffix: str, device: torch.device) -> nn.LSTM:
    """Build one direction of one layer, so that it can be run over blocks in its own order."""
    width = checkpoint.hidden // 2 if checkpoint.bidirectional else checkpoint.hidden
    lstm = nn.LSTM(checkpoint.hidden, width)
    lstm.load_state_dict(
        {
            f"{part}_l0": checkpoint.state[f"lstm.{part}{suffix}"]
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
    )
    return lstm.requires_grad_(False).eval().to(device)


def _output_layers(
    checkpoint: Checkpoint,
    state: dict[str, torch.Tensor],
    heads: list[int],
    ranges: list[tuple[int, int]],
    device: torch.device,
) -> list[Affine]:
    scale3, shift3 = _batch_norm(state, "bn3")
    shape = (checkpoint.heads, checkpoint.channels, checkpoint.output_bins)
    scale = state["output_scale"].reshape(checkpoint.heads, 1, -1)
    mean = state["output_mean"].reshape(checkpoint.heads, 1, -1)
    weight = scale.unsqueeze(-1) * (scale3[:, None] * state["fc3.weight"]).view(*shape, -1)
    bias = scale * shift3.view(shape) + mean
    weight, bias = weight[heads], bias[heads]
    layers = []
    for first, end in ranges:
        part = weight[:, :, first:end].reshape(-1, checkpoint.hidden)
        layers.append(_affine(part.T, bias[:, :, first:end].reshape(-1), device))
    return layers
