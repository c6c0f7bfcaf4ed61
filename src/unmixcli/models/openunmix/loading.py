"""From a card and its files to a model: which network, which head, which sizes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ...errors import ModelError
from ...signal.stft import Framing
from ..cards import ModelCard
from .checkpoint import Checkpoint, read_checkpoint
from .input_layers import MagnitudeFront
from .joint import build_joint, is_joint, read_joint
from .network import fold
from .output_layers import RectifiedHead
from .streaming import OpenUnmix

CPU_RANGE_BINS = 260
"""Bins that a processor works on at a time: what a window of the EM needs then fits its cache."""

log = logging.getLogger("unmixcli")


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> OpenUnmix:
    """Build a model from checkpoints; see `unmixcli.models.interface.Plugin.load`.

    A card lists either a network for each target or one joint network for all.
    """
    place = torch.device(device)
    first = weights[card.files_for(targets)[0].file]
    load = _load_joint if is_joint(first) else _load_networks
    return load(card, weights, tuple(targets), place)


def _load_joint(
    card: ModelCard, weights: Mapping[str, Path], targets: tuple[str, ...], device: torch.device
) -> OpenUnmix:
    checkpoint = read_joint(weights[card.files_for(targets)[0].file])
    header = checkpoint.header
    if set(header.targets) != set(card.targets) or header.sample_rate != card.sample_rate:
        raise ModelError(f"{checkpoint.path} is not the network that {card.name} is described as")
    framing = Framing(header.n_fft, header.hop)
    ranges = _ranges(framing.bins, device)
    trunk, front, head = build_joint(checkpoint, targets, ranges, device)
    return OpenUnmix([trunk], front, head, ranges, framing, header.sample_rate, device)


def _load_networks(
    card: ModelCard, weights: Mapping[str, Path], targets: tuple[str, ...], device: torch.device
) -> OpenUnmix:
    checkpoints = {}
    for item in card.files_for(targets):
        for target in item.targets:
            checkpoints[target] = read_checkpoint(weights[item.file])
            _check(card, checkpoints[target], target)
    _refuse_mixed(card, list(checkpoints.values()))
    framing = Framing(checkpoints[targets[0]].n_fft, int(card.parameters["hop"]))
    ranges = _ranges(framing.bins, device)
    networks = [fold(checkpoints.pop(target), device) for target in targets]
    return OpenUnmix(
        [network.trunk for network in networks],
        MagnitudeFront(networks),
        RectifiedHead(targets, networks, ranges, device),
        ranges,
        framing,
        card.sample_rate,
        device,
    )


def _ranges(bins: int, device: torch.device) -> list[tuple[int, int]]:
    """Divide bins into ranges of nearly equal size."""
    count = -(-bins // CPU_RANGE_BINS) if device.type == "cpu" else 1
    edges = [bins * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def _check(card: ModelCard, checkpoint: Checkpoint, target: str) -> None:
    """Compare what a file holds with what the card says of it."""
    said = card.parameters
    claims = (
        ("frames of {} samples", said.get("n_fft"), checkpoint.n_fft),
        ("{} channels", card.channels, checkpoint.channels),
        ("a hidden size of {}", said.get("hidden"), checkpoint.hidden),
    )
    for what, claim, truth in claims:
        if claim is not None and claim != truth:
            raise ModelError(
                f"{checkpoint.path} has {what.format(truth)}, but {card.name} is described "
                f"as having {what.format(claim)}"
            )
    _compare_declared(checkpoint, said.get("declared", {}).get(target, {}), card.sample_rate)


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
