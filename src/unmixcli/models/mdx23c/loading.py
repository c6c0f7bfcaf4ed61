"""From a card and its file to a network: what it takes, and whether the file is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..cards import ModelCard
from ..chunked.loading import make_model, open_weights
from ..chunked.sizing import Sizing
from ..interface import Model
from ..tensors import TensorFile, load_into
from .network import MDX23C, Sizes
from .parameters import Parameters
from .spectrum import Spectrum

WHAT = "an MDX23C network"


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> Model:
    """Build a model from a checkpoint; see `unmixcli.models.interface.Plugin.load`.

    The checkpoint does not hold the names of its targets: the card names them, in order.
    """
    parameters = Parameters.of(card)
    file = open_weights(card, weights, WHAT)
    network = build_network(file, parameters, card.channels or 2)
    return make_model(network, file, card, parameters, targets, device)


def build_network(file: TensorFile, parameters: Parameters, audio_channels: int = 2) -> MDX23C:
    """Build the network that a file holds, ready to infer.

    Parameters
    ----------
    file : TensorFile
    parameters : Parameters
    audio_channels : int
        Its tensors tell only this times the sub-bands.

    Raises
    ------
    ModelError
        If the file is not exactly such a network.
    """
    sizing = Sizing(file, WHAT)
    sizes = _measure(sizing, parameters, audio_channels)
    try:
        with torch.device("meta"):  # without memory or a first guess: the file has the numbers
            network = MDX23C(sizes)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise sizing.fault(f"its sizes do not go together ({error})") from None
    load_into(network, file, WHAT)
    return network


def _measure(file: Sizing, parameters: Parameters, audio_channels: int) -> Sizes:
    """Read the sizes of the network off its tensors."""
    channels, values, *_ = file.shape("first_conv.weight", 4)
    scales = file.count(r"encoder_blocks\.(\d+)\.")
    grown, _, *factor = file.shape("encoder_blocks.0.downscale.conv.2.weight", 4)
    narrow, bins = file.shape("encoder_blocks.0.tfc_tdf.blocks.0.tdf.2.weight", 2)
    outputs = file.shape("final_conv.2.weight", 4)[0]
    bands, rest = divmod(values, 2 * audio_channels)
    if rest or outputs % values or grown < channels:
        raise file.fault(
            f"{audio_channels} channels of audio, {values} of the spectrogram, {outputs} outputs "
            f"and {channels} channels that become {grown} do not go together"
        )
    shrinks, halves = factor
    if bins % halves**scales or parameters.frames % shrinks**scales:
        raise file.fault(
            f"it shrinks an image {scales} times by {shrinks} × {halves}, and chunks of "
            f"{parameters.chunk} samples give one of {parameters.frames} × {bins}"
        )
    if bands * bins > parameters.n_fft // 2 + 1:
        raise file.fault(
            f"it reads {bands * bins} bins, and frames of {parameters.n_fft} samples have only "
            f"{parameters.n_fft // 2 + 1}"
        )
    return Sizes(
        stems=outputs // values,
        audio_channels=audio_channels,
        bands=bands,
        bins=bins,
        channels=channels,
        growth=grown - channels,
        scales=scales,
        factor=(shrinks, halves),
        blocks=file.count(r"encoder_blocks\.0\.tfc_tdf\.blocks\.(\d+)\."),
        narrowing=max(1, bins // narrow),
        spectrum=Spectrum(parameters.n_fft, parameters.hop, bands * bins),
    )
