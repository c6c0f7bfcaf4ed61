"""Read Open-Unmix checkpoints safely, and measure the network in them.

References
----------
F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, "Open-Unmix: a reference
implementation for music source separation", JOSS 4(41), 2019.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ...errors import ModelError
from ...words import some
from ..tensors import read_state

UNUSED_KEYS = frozenset({"sample_rate", "stft.window", "transform.0.window"})
"""Keys of the published files that are not part of the network."""

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_LSTM_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclass(frozen=True)
class Checkpoint:
    """The state dict of an Open-Unmix network, checked, and its sizes.

    The network estimates a gain for each channel and output bin.
    """

    path: Path
    state: Mapping[str, torch.Tensor]
    bins: int
    """Number of bins that the network reads, from the lowest."""
    output_bins: int
    channels: int
    hidden: int
    layers: int
    bidirectional: bool

    @property
    def n_fft(self) -> int:
        """Samples in a frame of the spectrum that the network estimates."""
        return 2 * (self.output_bins - 1)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a ``.pth`` or ``.safetensors`` file and check it key by key.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint
        All tensors float32 on the CPU.

    Raises
    ------
    ModelError
        If the file cannot be read without running code from it, or is not
        exactly an Open-Unmix network.
    """
    state = read_state(path, UNUSED_KEYS)
    layers = 1 + max(
        (int(found[1]) for key in state if (found := re.match(r"lstm\.weight_ih_l(\d+)", key))),
        default=-1,
    )
    bidirectional = "lstm.weight_ih_l0_reverse" in state
    _check_keys(path, state, layers, bidirectional)
    return _measure(path, state, layers, bidirectional)


def _check_keys(
    path: Path, state: Mapping[str, torch.Tensor], layers: int, bidirectional: bool
) -> None:
    directions = ("", "_reverse") if bidirectional else ("",)
    expected = {"input_mean", "input_scale", "output_mean", "output_scale"}
    expected |= {f"fc{n}.weight" for n in (1, 2, 3)}
    expected |= {f"bn{n}.{part}" for n in (1, 2, 3) for part in _BATCH_NORM}
    expected |= {
        f"lstm.{part}_l{layer}{direction}"
        for part in _LSTM_PARTS
        for layer in range(max(layers, 1))
        for direction in directions
    }
    counters = {f"bn{n}.num_batches_tracked" for n in (1, 2, 3)}
    missing = sorted(expected - state.keys())
    foreign = sorted(state.keys() - expected - counters)
    if missing or foreign:
        parts = []
        if missing:
            parts.append(f"it lacks {some(missing)}")
        if foreign:
            parts.append(f"it has {some(foreign)}, which Open-Unmix does not have")
        raise ModelError(f"{path} is not an Open-Unmix network: {' and '.join(parts)}")


def _measure(
    path: Path, state: Mapping[str, torch.Tensor], layers: int, bidirectional: bool
) -> Checkpoint:
    """Read the sizes off the tensors and check that every tensor fits them."""
    bins = state["input_mean"].numel()
    output_bins = state["output_mean"].shape[-1] if state["output_mean"].dim() else 0
    rows = state["fc1.weight"].shape
    hidden = rows[0] if len(rows) == 2 else 0
    channels = rows[1] // bins if len(rows) == 2 and bins else 0
    width = hidden // 2 if bidirectional else hidden
    outputs = channels * output_bins
    shapes: dict[str, tuple[int, ...]] = {
        "input_mean": (bins,),
        "input_scale": (bins,),
        "fc1.weight": (hidden, channels * bins),
        "fc2.weight": (hidden, 2 * hidden),
        "fc3.weight": (outputs, hidden),
        "output_mean": (output_bins,),
        "output_scale": (output_bins,),
    }
    for norm, size in (("bn1", hidden), ("bn2", hidden), ("bn3", outputs)):
        shapes |= {f"{norm}.{part}": (size,) for part in _BATCH_NORM}
    for layer in range(layers):
        for direction in ("", "_reverse") if bidirectional else ("",):
            shapes |= {
                f"lstm.weight_ih_l{layer}{direction}": (4 * width, hidden),
                f"lstm.weight_hh_l{layer}{direction}": (4 * width, width),
                f"lstm.bias_ih_l{layer}{direction}": (4 * width,),
                f"lstm.bias_hh_l{layer}{direction}": (4 * width,),
            }
    for key, shape in shapes.items():
        found = tuple(state[key].shape)
        if found != shape or 0 in shape:
            raise ModelError(
                f"{path} is not an Open-Unmix network: {key} has the shape {found}, "
                f"but the other tensors require {shape}"
            )
    if channels not in (1, 2):
        raise ModelError(f"{path} is for {channels} channels; only 1 and 2 are supported")
    return Checkpoint(path, state, bins, output_bins, channels, hidden, layers, bidirectional)
