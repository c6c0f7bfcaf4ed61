"""From a card and its file to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...errors import ModelError
from ..cards import ModelCard
from ..segmented import ChunkScheme, SegmentedModel
from ..tensors import TensorFile, open_tensors
from .building import build_network
from .layout import Layout, read_layout
from .network import Transform
from .options import Options, Parameters


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model from a checkpoint; see `unmixcli.models.interface.Plugin.load`.

    All targets are estimated in one pass; heads of targets that nobody wants
    are not even read.
    """
    parameters = Parameters.of(card)
    if len(card.weights) != 1:
        raise ModelError(
            f"{card.name} names {len(card.weights)} weights files; a RoFormer is one file"
        )
    file = open_tensors(weights[card.weights[0].file])
    layout = read_layout(file, card.sample_rate, parameters.n_fft)
    _compare(file, layout, card, parameters)
    heads = [parameters.head_of(card, target) for target in targets]
    transform = Transform(layout.n_fft, parameters.hop, parameters.zero_dc)
    place = torch.device(device)

    def scheme(options: Options) -> ChunkScheme:
        chunk = parameters.chunk
        if options.chunk is not None:
            chunk = round(options.chunk * card.sample_rate)
        return ChunkScheme(chunk, options.overlap or parameters.overlap)

    return SegmentedModel(
        build_network(file, layout, heads, transform).to(place),
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=layout.channels,
        device=place,
        scheme=scheme,
    )


def _compare(file: TensorFile, layout: Layout, card: ModelCard, parameters: Parameters) -> None:
    """Check what the card says against what the file holds."""
    stems = f"{layout.stems} stem" + "s" * (layout.stems != 1)
    if parameters.heads:
        beyond = [name for name, head in parameters.heads.items() if head >= layout.stems]
        if beyond:
            raise ModelError(
                f"{file.path} estimates {stems}, so it has no head "
                f"{parameters.heads[beyond[0]]} for {beyond[0]}"
            )
    elif layout.stems != len(card.estimated):
        raise ModelError(
            f"{file.path} estimates {stems}, but {card.name} is described as having "
            f"{len(card.estimated)}: {', '.join(card.estimated)}"
        )
    if card.channels not in (None, layout.channels):
        raise ModelError(
            f"{file.path} has {layout.channels} channels, but {card.name} is described as "
            f"having {card.channels}"
        )
    if parameters.n_fft not in (None, layout.n_fft):
        raise ModelError(
            f"{file.path} has frames of {layout.n_fft} samples, but {card.name} is described as "
            f"having {parameters.n_fft}"
        )
    if parameters.hop > layout.n_fft // 2:
        raise ModelError(
            f"{card.name} is described as having a hop of {parameters.hop} samples, more than "
            f"half of its frames of {layout.n_fft}"
        )
    if parameters.chunk < layout.n_fft:
        raise ModelError(
            f"{card.name} is described as reading {parameters.chunk} samples at a time, less "
            f"than one frame of {layout.n_fft}"
        )
