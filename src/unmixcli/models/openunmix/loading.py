"""From a card and its files to a model: which network, which head, which sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...catalogue import ModelCard
from ...errors import ModelError
from ...signal.stft import Framing
from .checkpoint import Checkpoint, read_checkpoint
from .network import build_network
from .streaming import OpenUnmix

CPU_RANGE_BINS = 260
"""Bins that a processor works on at a time: what a window of the EM needs then fits its cache."""


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> OpenUnmix:
    """Build a model from checkpoints; see `unmixcli.models.base.Plugin.load`.

    A file that the card lists for one target holds a network with one head;
    a file listed for several (or for all) holds a joint network with one head
    for each, in the card's order.
    """
    framing = Framing(int(card.parameters["n_fft"]), int(card.parameters["hop"]))
    place = torch.device(device)
    ranges = _ranges(framing.bins, framing.bins if place.type != "cpu" else CPU_RANGE_BINS)
    networks = []
    for item in card.weights:
        heads = {
            target: head
            for head, target in enumerate(item.targets or card.targets)
            if target in targets
        }
        if heads:
            checkpoint = read_checkpoint(weights[item.file])
            _check(card, framing, checkpoint, len(item.targets or card.targets))
            networks.append(build_network(checkpoint, heads, ranges, place))
    if len({network.channels for network in networks}) > 1:
        raise ModelError(f"the networks of {card.name} do not all have the same channels")
    networks.sort(key=lambda network: list(targets).index(network.targets[0]))
    return OpenUnmix(networks, ranges, framing, card.sample_rate, place)


def _ranges(bins: int, at_most: int) -> list[tuple[int, int]]:
    """Divide bins into ranges of nearly equal size."""
    count = -(-bins // at_most)
    edges = [bins * k // count for k in range(count + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def _check(card: ModelCard, framing: Framing, checkpoint: Checkpoint, heads: int) -> None:
    """Compare what a file holds with what the card says of it."""
    claims = (
        ("output bins", framing.bins, checkpoint.output_bins),
        ("channels", card.channels or checkpoint.channels, checkpoint.channels),
        ("targets", heads, checkpoint.heads),
        ("hidden size", card.parameters.get("hidden", checkpoint.hidden), checkpoint.hidden),
    )
    for what, said, found in claims:
        if said != found:
            raise ModelError(
                f"{checkpoint.path} has {found} {what}, but {card.name} is described "
                f"as having {said}"
            )
