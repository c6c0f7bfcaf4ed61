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
from .network import MDX23C, Sizes
from .parameters import Parameters
from .spectrum import Spectrum

_HEADS = "final_conv.2.weight"


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model from a checkpoint; see `unmixcli.models.base.Plugin.load`.

    The card's targets name what the network estimates, in order. Its last layer
    keeps only the targets wanted.
    """
    parameters = Parameters.of(card)
    if len(card.weights) != 1:
        raise ModelError(
            f"{card.name} names {len(card.weights)} weights files; an MDX23C network estimates "
            "all of its targets and is one file"
        )
    network = build_network(weights[card.weights[0].file], card, targets)
    return SegmentedModel(
        network.to(torch.device(device)),
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=network.sizes.audio_channels,
        device=torch.device(device),
        scheme=parameters.scheme,
    )


def build_network(path: Path, card: ModelCard, targets: Sequence[str]) -> MDX23C:
    """Build the network that a file holds, ready to infer.

    Parameters
    ----------
    path : Path
        A state dict of the network called TFC-TDF v3 or MDX23C.
    card : ModelCard
        Its targets name what the network estimates, in order.
    targets : sequence of str
        Those wanted: what the network returns, in this order.

    Raises
    ------
    ModelError
        If the file cannot be read or is not exactly such a network.
    """
    file = Measured(path, read_state(path), "an MDX23C network")
    sizes = _measure(file, Parameters.of(card), card.channels or 2)
    if sizes.stems != len(card.targets):
        raise ModelError(
            f"{path} estimates {sizes.stems} targets, but {card.name} is described as having "
            f"{len(card.targets)}: {', '.join(card.targets)}"
        )
    file.compare(_empty(file, sizes).state_dict())
    network = _empty(file, replace(sizes, stems=len(targets)))
    rows = [card.targets.index(target) for target in targets]
    heads = file.state[_HEADS]
    kept = heads.reshape(sizes.stems, -1, *heads.shape[1:])[rows].flatten(0, 1)
    network.load_state_dict({**file.state, _HEADS: kept}, strict=True, assign=True)
    network.to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


def _empty(file: Measured, sizes: Sizes) -> MDX23C:
    """Build a network without memory or a first guess for its parameters: a file has them."""
    try:
        with torch.device("meta"):
            return MDX23C(sizes)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise file.fault(f"its sizes do not go together ({error})") from None


def _measure(file: Measured, parameters: Parameters, audio_channels: int) -> Sizes:
    """Read the sizes of the network off its tensors."""
    channels, values, *_ = file.shape("first_conv.weight", 4)
    scales = file.count(r"encoder_blocks\.(\d+)\.")
    grown, _, *factor = file.shape("encoder_blocks.0.downscale.conv.2.weight", 4)
    narrow, bins = file.shape("encoder_blocks.0.tfc_tdf.blocks.0.tdf.2.weight", 2)
    outputs = file.shape(_HEADS, 4)[0]
    bands, rest = divmod(values, 2 * audio_channels)
    if rest or outputs % values or grown < channels:
        raise file.fault(
            f"{values} values of {audio_channels} channels, {outputs} outputs, and {channels} "
            f"channels that become {grown}"
        )
    shrinks, halves = factor
    if bins % halves**scales or parameters.frames % shrinks**scales:
        raise file.fault(
            f"it shrinks an image by {shrinks} × {halves} {scales} times, and chunks of "
            f"{parameters.chunk} samples give one of {parameters.frames} × {bins}"
        )
    if bands * bins > parameters.n_fft // 2 + 1:
        raise file.fault(
            f"it has {bands * bins} bins, and frames of {parameters.n_fft} samples only "
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
