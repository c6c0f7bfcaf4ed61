"""Build a model from a card and its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch

from ...errors import ModelError
from ..cards import ModelCard
from ..interface import Model
from ..segmented import ChunkScheme, SegmentedModel
from ..tensors import TensorFile, open_tensors
from .parameters import ChunkParameters, Options


class Network(Protocol):
    """A loaded network, on the CPU."""

    @property
    def stems(self) -> int:
        """Number of targets that it estimates."""
        ...

    @property
    def audio_channels(self) -> int:
        """Number of channels that it reads."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """From now on, estimate only these targets, in this order."""
        ...

    def to(self, device: torch.device) -> object:
        """Move its parameters."""
        ...

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, samples) to (batch, stems, channels, samples)."""
        ...


def open_weights(card: ModelCard, weights: Mapping[str, Path], what: str) -> TensorFile:
    """Open the one file of a model.

    Raises
    ------
    ModelError
        If the card names several files, or the file cannot be read.
    """
    if len(card.weights) != 1:
        raise ModelError(f"{card.name} names {len(card.weights)} weights files; {what} is one file")
    return open_tensors(weights[card.weights[0].file])


def make_model(
    network: Network,
    file: TensorFile,
    card: ModelCard,
    parameters: ChunkParameters,
    targets: Sequence[str],
    device: str,
    at_once: int = 1,
) -> Model:
    """Turn a network into a model that estimates only the wanted targets.

    Parameters
    ----------
    network : Network
    file : TensorFile
        The network's file, for messages.
    card : ModelCard
        Its targets, without the rest, name the network's stems, in order.
    parameters : ChunkParameters
    targets : sequence of str
        The wanted targets, in order.
    device : str
    at_once : int
        Chunks that run at the same time on a processor.

    Raises
    ------
    ModelError
        If the network does not match the card.
    """
    estimated = card.estimated
    if network.stems != len(estimated):
        raise ModelError(
            f"{file.path} estimates {network.stems} stem{'s' * (network.stems != 1)}, but "
            f"{card.name} is described as having {len(estimated)}: {', '.join(estimated)}"
        )
    if card.channels not in (None, network.audio_channels):
        raise ModelError(
            f"{file.path} has {network.audio_channels} channels, but {card.name} is described "
            f"as having {card.channels}"
        )
    network.keep([estimated.index(target) for target in targets])
    place = torch.device(device)
    network.to(place)

    def scheme(options: Options) -> ChunkScheme:
        overlap = options.overlap or parameters.overlap
        return ChunkScheme(parameters.chunk, overlap, parameters.normalised)

    return SegmentedModel(
        network,
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=network.audio_channels,
        device=place,
        scheme=scheme,
        at_once=at_once,
    )
