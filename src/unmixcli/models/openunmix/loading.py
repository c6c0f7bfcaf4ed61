"""Build a model from a card and its files."""

from __future__ import annotations

import logging
import math
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
from .joint import JointCheckpoint, build_joint, is_joint, read_joint
from .network import fold
from .output_layers import RectifiedHead
from .streaming import OpenUnmix

CPU_RANGE_BINS = 260
"""Bins per range on a processor: the data of an EM window then fits its cache."""

log = logging.getLogger("unmixcli")


def load_model(
    card: ModelCard,
    weights: Mapping[str, Path],
    targets: Sequence[str],
    device: str,
    precision: str = "float32",
) -> OpenUnmix:
    """Build a model from checkpoints; see `unmixcli.models.interface.Plugin.load`.

    A card lists either one network per target or one joint network for all.
    """
    place = torch.device(device)
    first = weights[card.files_for(targets)[0].file]
    load = _load_joint if is_joint(first) else _load_networks
    return load(card, weights, tuple(targets), place, getattr(torch, precision))


def _load_joint(
    card: ModelCard,
    weights: Mapping[str, Path],
    targets: tuple[str, ...],
    device: torch.device,
    dtype: torch.dtype,
) -> OpenUnmix:
    checkpoint = open_joint(card, weights[card.files_for(targets)[0].file])
    header = checkpoint.header
    framing = Framing(header.n_fft, header.hop)
    ranges = _ranges(framing.bins, device)
    trunk, front, head = build_joint(checkpoint, targets, ranges, device, dtype)
    return OpenUnmix([trunk], front, head, ranges, framing, header.sample_rate, device)


def _load_networks(
    card: ModelCard,
    weights: Mapping[str, Path],
    targets: tuple[str, ...],
    device: torch.device,
    dtype: torch.dtype,
) -> OpenUnmix:
    checkpoints, framing = open_networks(card, weights, targets)
    ranges = _ranges(framing.bins, device)
    networks = [fold(checkpoints.pop(target), device) for target in targets]
    return OpenUnmix(
        [network.trunk.to(dtype) for network in networks],
        MagnitudeFront(networks, dtype),
        RectifiedHead(targets, networks, ranges, device, dtype),
        ranges,
        framing,
        card.sample_rate,
        device,
    )


def open_joint(card: ModelCard, path: Path) -> JointCheckpoint:
    """Read a joint network and compare it with its card.

    Raises
    ------
    ModelError
        If the file is not such a network, or not the one described.
    """
    checkpoint = read_joint(path)
    header = checkpoint.header
    if set(header.targets) != set(card.targets) or header.sample_rate != card.sample_rate:
        raise ModelError(f"{checkpoint.path} does not match the description of {card.name}")
    return checkpoint


def open_networks(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str]
) -> tuple[dict[str, Checkpoint], Framing]:
    """Read the network of each target and compare it with the card and the others.

    Raises
    ------
    ModelError
        If a file is not an Open-Unmix network, or not the one described.
    """
    checkpoints = {}
    for item in card.files_for(targets):
        for target in item.targets:
            checkpoints[target] = read_checkpoint(weights[item.file])
            _check(card, checkpoints[target], target)
    _refuse_mixed(card, list(checkpoints.values()))
    n_fft, hop = checkpoints[targets[0]].n_fft, int(card.parameters["hop"])
    if not n_fft // 64 <= hop <= n_fft // 2:
        raise ModelError(
            f"{card.name} is described as having a hop of {hop} samples, which does not fit "
            f"frames of {n_fft}: it must be between {n_fft // 64} and {n_fft // 2}"
        )
    return checkpoints, Framing(n_fft, hop)


def _ranges(bins: int, device: torch.device) -> list[tuple[int, int]]:
    """Divide bins into ranges of nearly equal size."""
    count = -(-bins // CPU_RANGE_BINS) if device.type == "cpu" else 1
    edges = [bins * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def _check(card: ModelCard, checkpoint: Checkpoint, target: str) -> None:
    """Compare a file with the card's description of it."""
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
    """Warn if the training's own description contradicts the tensors, which are used."""
    truth = {
        "nfft": checkpoint.n_fft,
        "nb_channels": checkpoint.channels,
        "hidden_size": checkpoint.hidden,
    }
    bandwidth = declared.get("bandwidth")
    if isinstance(bandwidth, (int, float)) and abs(bandwidth) < math.inf:  # no NaN either
        read = int(min(bandwidth, sample_rate / 2) * checkpoint.n_fft / sample_rate) + 1
        if read != checkpoint.bins:
            truth["bandwidth"] = round((checkpoint.bins - 1) * sample_rate / checkpoint.n_fft)
    for key, value in truth.items():
        if declared.get(key, value) != value:
            log.warning(
                "the JSON file of %s says that %s is %s, but its tensors say %s; using the tensors",
                checkpoint.path, key, declared[key], value,
            )  # fmt: skip


def _refuse_mixed(card: ModelCard, checkpoints: Sequence[Checkpoint]) -> None:
    """Raise an error if the networks cannot read the same spectrum."""
    for what in ("n_fft", "channels"):
        values = {getattr(checkpoint, what) for checkpoint in checkpoints}
        if len(values) > 1:
            raise ModelError(
                f"the networks of {card.name} differ in {what} "
                f"({' and '.join(map(str, sorted(values)))}), so they cannot work together"
            )
