"""A Hybrid Demucs network as a model: normalised, in segments that fade over to each other.

References
----------
A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
of the ISMIR 2021 Workshop on Music Source Separation, 2021.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ...audio.blocks import BlockReader
from ...options.config import SeparationConfig
from ..cards import ModelCard
from ..interface import Block, Mixture, Progress
from ..segmented import CrossFadeScheme, SegmentedModel
from .options import Options

log = logging.getLogger("unmixcli")

_FOR_OTHERS = ("niter", "softmask", "alpha", "wiener_win_len")
"""Options of a separation that is done by filtering the mixture, which this one is not."""


@dataclass(frozen=True)
class _Request:
    options: Options


class HybridDemucs:
    """A network as a model; see `unmixcli.models.interface.Model`.

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

    def __init__(
        self, network: nn.Module, card: ModelCard, targets: Sequence[str], device: torch.device
    ) -> None:
        self.targets = tuple(targets)
        self.sample_rate = card.sample_rate
        self.channels = int(network.audio_channels)  # type: ignore[arg-type]
        self._name = card.name
        # The network cannot reflect a shorter signal at its ends.
        self._shortest = 2 * int(network.hop_length)  # type: ignore[arg-type]
        self._segmented = SegmentedModel(
            network,
            {target: card.targets.index(target) for target in targets},
            sample_rate=card.sample_rate,
            channels=self.channels,
            device=device,
            scheme=self._scheme,
        )
        self._warned = False

    def _scheme(self, options: Options) -> CrossFadeScheme:
        return CrossFadeScheme(*options.samples(self.sample_rate), self._shortest)

    def separate(
        self, mixture: Mixture, config: SeparationConfig, progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        self._warn(config)
        request = _Request(Options.model_validate(config.options))
        stems = self._segmented.separate(mixture, request, progress)
        if not config.residual:
            yield from stems
            return
        reader, done = BlockReader(mixture.blocks()), 0
        for block in stems:
            rest = reader.read(done, done + block.shape[-1]) - block.sum(0)
            done += block.shape[-1]
            yield np.concatenate([block, rest[np.newaxis]])

    def _warn(self, config: SeparationConfig) -> None:
        """Tell, once, of options that were set and do nothing."""
        fields = SeparationConfig.model_fields
        idle = [name for name in _FOR_OTHERS if getattr(config, name) != fields[name].default]
        if idle and not self._warned:
            self._warned = True
            log.warning(
                "%s: no effect with %s, which estimates waveforms and filters nothing",
                ", ".join(idle),
                self._name,
            )
