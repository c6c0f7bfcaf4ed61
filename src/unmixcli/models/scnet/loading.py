"""From a card and its file to a network: what it takes, and whether the file is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..cards import ModelCard
from ..chunked.loading import make_model, open_weights
from ..chunked.sizing import Sizing
from ..interface import Model
from ..tensors import TensorFile, load_into, not_a_network
from .network import SCNet, Sizes
from .parameters import Parameters
from .spectrum import Spectrum

WHAT = "an SCNet network"
_VARIANTS = {
    r"(mask_layer)\.": "a mask for the spectrogram",
    r"(pos_embed_f)": "a mask for the spectrogram",
    r"separation_net\.dp_modules\.(\d+)\.time_layer\.": "transformers in the place of LSTMs",
}


def load_model(
    card: ModelCard,
    weights: Mapping[str, Path],
    targets: Sequence[str],
    device: str,
    precision: str = "float32",
) -> Model:
    """Build a model from a checkpoint; see `unmixcli.models.interface.Plugin.load`.

    The layout is that of Music-Source-Separation-Training. The checkpoint does
    not hold the names of its targets: the card names them, in order.
    """
    parameters = Parameters.of(card)
    file = open_weights(card, weights, WHAT)
    network = build_network(file, parameters)
    if precision != "float32":
        network.compute_in(getattr(torch, precision))
    # Its LSTMs gain little from a second thread, two chunks at once do.
    at_once = min(2, torch.get_num_threads())
    return make_model(network, file, card, parameters, targets, device, at_once)


def build_network(file: TensorFile, parameters: Parameters) -> SCNet:
    """Build the network that a file holds, ready to infer.

    Raises
    ------
    ModelError
        If the file is not exactly such a network.
    """
    sizes = measure(file, parameters)
    try:
        with torch.device("meta"):  # without memory or a first guess: the file has the numbers
            network = SCNet(sizes)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise not_a_network(file, WHAT, f"its sizes do not go together ({error})") from None
    load_into(network, file, WHAT)
    return network


def measure(tensors: TensorFile, parameters: Parameters) -> Sizes:
    """Read the sizes of the network off its tensors.

    Raises
    ------
    ModelError
        If some are missing, or do not go together.
    """
    file = Sizing(tensors, WHAT)
    for pattern, part in _VARIANTS.items():
        if file.count(pattern):
            raise file.fault(f"it has {part}, a variant that is not run")
    levels = file.count(r"encoder\.(\d+)\.SDlayer\.")
    bands = file.count(r"encoder\.0\.SDlayer\.convs\.(\d+)\.")
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
        layers=file.count(r"separation_net\.dp_modules\.(\d+)\."),
        hidden=file.shape("separation_net.dp_modules.0.lstm_layers.0.weight_hh_l0", 2)[1],
        spectrum=Spectrum(parameters.n_fft, parameters.hop, parameters.orthonormal),
    )
    if dims[0] % 2 or outputs % dims[0] or sizes.layers % 2:
        raise file.fault(
            f"{dims[0]} channels, {outputs} outputs and {sizes.layers} layers do not go together"
        )
    if not all(size % 2 for size in (sizes.kernel, sizes.mixing, sizes.fusing)):
        raise file.fault("its convolutions have even kernels, which would shift the sound")
    return sizes
