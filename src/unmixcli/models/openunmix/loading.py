"""From a card and its files to a model: which network, which head, which sizes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ...catalogue import ModelCard
from ...errors import ModelError
from ...signal.stft import Framing
from .checkpoint import Checkpoint, read_checkpoint
from .network import build_network
from .streaming import OpenUnmix

CPU_RANGE_BINS = 260
"""Bins that a processor works on at a time: what a window of the EM needs then fits its cache."""

log = logging.getLogger("unmixcli")


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> OpenUnmix:
    """Build a model from checkpoints; see `unmixcli.models.base.Plugin.load`.

    A file that the card lists for one target holds a network with one head;
    a file listed for several (or for all) holds a joint network with one head
    for each, in the card's order.
    """
    place = torch.device(device)
    found = []
    for item in card.weights:
        names = item.targets or card.targets
        if set(names) & set(targets):
            checkpoint = read_checkpoint(weights[item.file])
            _check(card, checkpoint, names)
            found.append((names, checkpoint))
    _refuse_mixed(card, [checkpoint for _, checkpoint in found])
    framing = Framing(found[0][1].n_fft, int(card.parameters["hop"]))
    ranges = _ranges(framing.bins, framing.bins if place.type != "cpu" else CPU_RANGE_BINS)
    networks = []
    for names, checkpoint in found:
        heads = {target: names.index(target) for target in targets if target in names}
        networks.append(build_network(checkpoint, heads, ranges, place))
    networks.sort(key=lambda network: list(targets).index(network.targets[0]))
    return OpenUnmix(networks, ranges, framing, card.sample_rate, place)


def _ranges(bins: int, at_most: int) -> list[tuple[int, int]]:
    """Divide bins into ranges of nearly equal size."""
    count = -(-bins // at_most)
    edges = [bins * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def _check(card: ModelCard, checkpoint: Checkpoint, names: Sequence[str]) -> None:
    """Compare what a file holds with what the card says of it."""
    said = card.parameters
    claims = (
        ("frames of {} samples", said.get("n_fft"), checkpoint.n_fft),
        ("{} channels", card.channels, checkpoint.channels),
        ("{} targets", len(names), checkpoint.heads),
        ("a hidden size of {}", said.get("hidden"), checkpoint.hidden),
    )
    for what, claim, truth in claims:
        if claim is not None and claim != truth:
            raise ModelError(
                f"{checkpoint.path} has {what.format(truth)}, but {card.name} is described "
                f"as having {what.format(claim)}"
            )
    for name in names:
        _compare_declared(checkpoint, said.get("declared", {}).get(name, {}), card.sample_rate)


def _compare_declared(
    checkpoint: Checkpoint, declared: Mapping[str, Any], sample_rate: int
) -> None:
    """Warn where a training's own description contradicts the tensors, which count."""
    truth = {
        "nfft": checkpoint.n_fft,
        "nb_channels": checkpoint.channels,
        "hidden_size": checkpoint.hidden,
    }
    bandwidth = declared.get("bandwidth")
    if isinstance(bandwidth, (int, float)):
        read = int(min(bandwidth, sample_rate / 2) * checkpoint.n_fft / sample_rate) + 1
        if read != checkpoint.bins:
            truth["bandwidth"] = round((checkpoint.bins - 1) * sample_rate / checkpoint.n_fft)
    for key, value in truth.items():
        if declared.get(key, value) != value:
            log.warning(
                "the JSON file of %s says %s is %s, its tensors say %s; the tensors count",
                checkpoint.path, key, declared[key], value,
            )  # fmt: skip


def _refuse_mixed(card: ModelCard, checkpoints: Sequence[Checkpoint]) -> None:
    """Refuse networks that cannot work on the same spectrum."""
    for what in ("n_fft", "channels"):
        values = {getattr(checkpoint, what) for checkpoint in checkpoints}
        if len(values) > 1:
            raise ModelError(
                f"the networks of {card.name} differ in {what} "
                f"({' and '.join(map(str, sorted(values)))}), so they cannot work together"
            )
    if len(checkpoints) > 1 and any(checkpoint.heads > 1 for checkpoint in checkpoints):
        raise ModelError(f"{card.name} mixes joint networks with others, which is not supported")
