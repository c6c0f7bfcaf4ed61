"""A Hybrid Demucs network as a model: normalised, in segments that fade over to each other.

References
----------
A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
of the ISMIR 2021 Workshop on Music Source Separation, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..cards import ModelCard
from ..segmented import CrossFadeScheme, SegmentedModel
from .options import Options


def hybrid_demucs(
    network: nn.Module, card: ModelCard, targets: Sequence[str], device: torch.device
) -> SegmentedModel:
    """Make a model of a network.

    Parameters
    ----------
    network : Module
        `torchaudio.models.HDemucs`, on the device.
    card : ModelCard
        Its targets name the network's sources, in order.
    targets : sequence of str
        Those wanted, in the order wanted.
    device : torch.device
    """
    # The network cannot reflect a shorter signal at its ends.
    shortest = 2 * int(network.hop_length)  # type: ignore[arg-type]

    def scheme(options: Options) -> CrossFadeScheme:
        return CrossFadeScheme(*options.samples(card.sample_rate), shortest)

    return SegmentedModel(
        network,
        {target: card.targets.index(target) for target in targets},
        sample_rate=card.sample_rate,
        channels=int(network.audio_channels),  # type: ignore[arg-type]
        device=device,
        scheme=scheme,
    )
