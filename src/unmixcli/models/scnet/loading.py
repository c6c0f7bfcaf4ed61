"""From a card and its file to a network: what it takes, and whether the file is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...catalogue import ModelCard
from ...errors import ModelError
from ..measuring import Measured
from ..segmented import SegmentedModel
from ..state import read_state
from .network import SCNet, Sizes
from .parameters import Parameters
from .spectrum import Spectrum


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model from a checkpoint; see `unmixcli.models.base.Plugin.load`.

    The card's targets name what the network estimates, in order. The decoder's
    last layer keeps only the targets wanted.
    """
    parameters = Parameters.of(card)
    if len(card.weights) != 1:
        raise ModelError(
            f"{card.name} names {len(card.weights)} weights files; an SCNet estimates all of its "
            "targets and is one file"
        )
    network = build_network(weights[card.weights[0].file], card, targets)
    return SegmentedModel(
        network.to(torch.device(device)),
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=network.sizes.channels,
        device=torch.device(device),
        scheme=parameters.scheme,
    )


def build_network(path: Path, card: ModelCard, targets: Sequence[str]) -> SCNet:
    """Build the network that a file holds, ready to infer.

    Parameters
    ----------
    path : Path
        A state dict, in the layout of Music-Source-Separation-Training.
    card : ModelCard
        Its targets name what the network estimates, in order.
    targets : sequence of str
        Those wanted: what the network returns, in this order.

    Raises
    ------
    ModelError
        If the file cannot be read or is not exactly such a network.
    """
    file = Measured(path, read_state(path), "an SCNet")
    sizes = _measure(file, Parameters.of(card))
    if sizes.stems != len(card.targets):
        raise ModelError(
            f"{path} estimates {sizes.stems} targets, but {card.name} is described as having "
            f"{len(card.targets)}: {', '.join(card.targets)}"
        )
    if card.channels not in (None, sizes.channels):
        raise ModelError(
            f"{path} has {sizes.channels} channels, but {card.name} is described as having "
            f"{card.channels}"
        )
    file.compare(_empty(file, sizes).state_dict())
    network = _empty(file, replace(sizes, stems=len(targets)))
    rows = [card.targets.index(target) for target in targets]
    network.load_state_dict(_keep(file.state, sizes, rows), strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _empty(file: Measured, sizes: Sizes) -> SCNet:
    """Build a network without memory or a first guess for its parameters: a file has them."""
    try:
        with torch.device("meta"):
            return SCNet(sizes)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise file.fault(f"its sizes do not go together ({error})") from None


def _keep(
    state: Mapping[str, torch.Tensor], sizes: Sizes, rows: Sequence[int]
) -> dict[str, torch.Tensor]:
    """Return the tensors of a network that estimates some of the targets only."""
    kept = dict(state)
    for band in range(len(sizes.kernels)):
        key = f"decoder.{len(sizes.dims) - 2}.1.convtrs.{band}"
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        inputs, _, *kernel = weight.shape
        each = (sizes.stems, -1)
        kept[f"{key}.weight"] = weight.reshape(inputs, *each, *kernel)[:, rows].flatten(1, 2)
        kept[f"{key}.bias"] = bias.reshape(*each)[rows].flatten()
    return kept


def _measure(file: Measured, parameters: Parameters) -> Sizes:
    """Read the sizes of the network off its tensors."""
    levels = file.count(r"encoder\.(\d+)\.")
    bands = file.count(r"encoder\.0\.SDlayer\.convs\.(\d+)\.")
    layers = file.count(r"separation_net\.dp_modules\.(\d+)\.")
    if not levels or not bands:
        raise file.fault("it lacks encoder.0.SDlayer.convs.0.weight")
    if bands != len(parameters.band_ratios):
        raise file.fault(f"it has {bands} bands, and {len(parameters.band_ratios)} are described")
    firsts = [file.shape(f"encoder.{n}.SDlayer.convs.0.weight", 4) for n in range(levels)]
    dims = (firsts[0][1], *(first[0] for first in firsts))
    depths = tuple(
        file.count(rf"encoder\.0\.conv_modules\.{band}\.layers\.(\d+)\.") for band in range(bands)
    )
    deep = next((band for band, depth in enumerate(depths) if depth), 0)
    refining = [f"encoder.{n}.conv_modules.{deep}.layers.0" for n in range(levels)]
    outputs = file.shape(f"decoder.{levels - 1}.1.convtrs.0.weight", 4)[1]
    sizes = Sizes(
        stems=outputs // dims[0],
        dims=dims,
        kernels=tuple(
            file.shape(f"encoder.0.SDlayer.convs.{band}.weight", 4)[2] for band in range(bands)
        ),
        strides=parameters.band_strides,
        ratios=parameters.band_ratios,
        depths=depths,
        squeezed=tuple(file.shape(f"{key}.3.weight", 3)[0] for key in refining),
        kernel=file.shape(f"{refining[0]}.1.weight", 3)[2],
        mixing=file.shape("encoder.0.globalconv.weight", 4)[2],
        fusing=file.shape("decoder.0.0.conv.weight", 4)[2],
        layers=layers,
        hidden=file.shape("separation_net.dp_modules.0.lstm_layers.0.weight_hh_l0", 2)[1],
        spectrum=Spectrum(parameters.n_fft, parameters.hop, parameters.orthonormal),
    )
    if dims[0] % 2 or outputs % dims[0] or layers % 2:
        raise file.fault(f"{dims[0]} channels, {outputs} outputs and {layers} LSTM layers")
    if not all(size % 2 for size in (sizes.kernel, sizes.mixing, sizes.fusing)):
        raise file.fault("its convolutions are of an even width, which would shift the sound")
    return sizes
