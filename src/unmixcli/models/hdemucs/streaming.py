"""A Hybrid Demucs network over a stream, in memory that does not grow with the track.

The mixture is read twice: once for its mean and standard deviation, which the
network's input is normalised by, and once in segments that overlap.

References
----------
A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
of the ISMIR 2021 Workshop on Music Source Separation, 2021.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from ...options.config import SeparationConfig
from ..cards import ModelCard
from ..interface import Block, Mixture, Progress
from .options import Options
from .segments import CrossFade, cut

log = logging.getLogger("unmixcli")

STATISTICS_BLOCK = 65536
"""Samples that the statistics are gathered over at a time."""
SILENCE = 1e-12
"""A standard deviation below this is none: 240 dB below full scale."""
MEASURING = 0.02
"""Share of the first reading in the work."""

_FOR_OTHERS = ("niter", "softmask", "alpha", "wiener_win_len")
"""Options of a separation that is done by filtering the mixture, which this one is not."""


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
        self._network = network
        self._shortest = 2 * int(network.hop_length)  # type: ignore[arg-type]
        self._rows = [card.targets.index(target) for target in targets]
        self._device = device
        self._warned = False

    def separate(
        self, mixture: Mixture, config: SeparationConfig, progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        self._warn(config)
        hop, overlap = Options.model_validate(config.options).samples(self.sample_rate)
        mean, deviation = measure(mixture, progress)
        joined = CrossFade(min(overlap, mixture.length))
        for first, segment in cut(mixture.blocks(), mixture.length, hop, overlap):
            end = first + segment.shape[-1]
            estimate = self._estimate(segment, mean, deviation)
            stems = joined.push(estimate, end == mixture.length)
            if config.residual:
                rest = segment[:, : stems.shape[-1]] - stems.sum(0)
                stems = np.concatenate([stems, rest[np.newaxis]])
            if stems.shape[-1]:
                yield stems
            progress("separating", MEASURING + (1 - MEASURING) * end / mixture.length)

    def _estimate(self, segment: Block, mean: float, deviation: float) -> Block:
        """Run the network over a segment: (channels, samples) to (targets, channels, samples)."""
        samples = segment.shape[-1]
        with torch.inference_mode():
            audio = (torch.tensor(segment, device=self._device) - mean) / deviation
            # The network cannot reflect a shorter signal at its ends.
            audio = nn.functional.pad(audio, (0, max(0, self._shortest - samples)))
            stems = self._network(audio[np.newaxis])[0, self._rows, :, :samples]
            estimate: Block = (stems * deviation + mean).cpu().numpy()
        return estimate

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


def measure(mixture: Mixture, progress: Progress) -> tuple[float, float]:
    """Compute what the network's input is normalised by.

    Parameters
    ----------
    mixture : Mixture
        Read once, from start to end.
    progress : callable

    Returns
    -------
    mean, deviation : float
        Of the mean of the channels; the deviation is the corrected one (divided
        by samples - 1), and 1 where there is none.
    """
    count, mean, squares = 0, 0.0, 0.0
    # Blocks of one length, so that the sums do not depend on how the mixture is read.
    for first, block in cut(mixture.blocks(), mixture.length, STATISTICS_BLOCK):
        middle = block.mean(0, dtype=np.float64)
        size, own = middle.size, float(middle.mean())
        total = count + size
        # Chan, Golub and LeVeque: joining the moments of two sets without cancellation.
        squares += float(((middle - own) ** 2).sum()) + (own - mean) ** 2 * count * size / total
        mean += (own - mean) * size / total
        count = total
        progress("measuring", MEASURING * (first + size) / mixture.length)
    deviation = math.sqrt(squares / max(1, count - 1))
    return mean, deviation if deviation > SILENCE else 1.0
