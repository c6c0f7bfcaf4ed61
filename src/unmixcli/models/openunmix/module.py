"""Open-Unmix as plain PyTorch modules: for whole excerpts, and for gradients.

The stream (`streaming`) splits and folds the same networks. These modules keep the
layout of the checkpoints, so that their state dicts can be saved as such.

References
----------
F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, "Open-Unmix: a reference
implementation for music source separation", JOSS 4(41), 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..cards import ModelCard
from .checkpoint import Checkpoint
from .input_layers import band_of_bin
from .joint import FEATURES, JointCheckpoint, is_joint
from .loading import open_joint, open_networks
from .network import BATCH_NORM_EPS
from .refinement import PREFIX, Refinement, shapes


class TargetNetwork(nn.Module):
    """The published network of one target: from magnitudes to gains.

    Parameters
    ----------
    checkpoint : Checkpoint
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        hidden, outputs = checkpoint.hidden, checkpoint.channels * checkpoint.output_bins
        self._shape = (checkpoint.channels, checkpoint.output_bins)
        self.input_mean = nn.Parameter(torch.zeros(checkpoint.bins))
        self.input_scale = nn.Parameter(torch.ones(checkpoint.bins))
        self.fc1 = nn.Linear(checkpoint.channels * checkpoint.bins, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden, BATCH_NORM_EPS)
        self.lstm = nn.LSTM(
            hidden,
            hidden // 2 if checkpoint.bidirectional else hidden,
            checkpoint.layers,
            bidirectional=checkpoint.bidirectional,
            batch_first=True,
        )
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden, BATCH_NORM_EPS)
        self.fc3 = nn.Linear(hidden, outputs, bias=False)
        self.bn3 = nn.BatchNorm1d(outputs, BATCH_NORM_EPS)
        self.output_mean = nn.Parameter(torch.zeros(checkpoint.output_bins))
        self.output_scale = nn.Parameter(torch.ones(checkpoint.output_bins))
        # Some files lack the counters of the norms, which inference does not need.
        counters = {k: v for k, v in self.state_dict().items() if k.endswith("_tracked")}
        self.load_state_dict({**counters, **checkpoint.state})

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return gains, (batch, channels or 1, frames, bins).

        Parameters
        ----------
        magnitude : Tensor, shape (batch, channels, frames, bins)
        """
        channels, bins = self._shape
        if channels == 1:
            magnitude = magnitude.mean(1, keepdim=True)
        batch, _, frames, _ = magnitude.shape
        x = (magnitude[..., : len(self.input_mean)] + self.input_mean) * self.input_scale
        x = self.fc1(x.transpose(1, 2).flatten(2))
        x = torch.tanh(self.bn1(x.flatten(0, 1))).view(batch, frames, -1)
        x = torch.cat([x, self.lstm(x)[0]], -1).flatten(0, 1)
        x = self.bn3(self.fc3(torch.relu(self.bn2(self.fc2(x)))))
        x = x.view(batch, frames, channels, bins) * self.output_scale + self.output_mean
        return torch.relu(x).transpose(1, 2)


class JointNetwork(nn.Module):
    """The joint network: from the spectrum to masks of all targets.

    Parameters
    ----------
    checkpoint : JointCheckpoint
    """

    edges: Tensor
    band: Tensor

    def __init__(self, checkpoint: JointCheckpoint) -> None:
        super().__init__()
        state = {key: value.float() for key, value in checkpoint.state.items()}
        edges = state.pop("band_edges").long()
        header, bands, hidden = checkpoint.header, len(edges) - 1, len(state["fc1.bias"])
        self._shape = (len(header.targets), header.channels, bands)
        self._floor = header.feature_floor
        masks = len(header.targets) * header.channels
        self.fc1 = nn.Linear(FEATURES * bands, hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, 3, bidirectional=True, batch_first=True)
        self.fc2 = nn.Linear(2 * hidden, hidden)
        self.fc3 = nn.Linear(hidden, masks * bands)
        self.refine = nn.Module() if shapes(state, 1, 1) else None
        if self.refine is not None:
            channels = len(state[f"{PREFIX}conv1.bias"])
            self.refine.conv1 = nn.Conv2d(FEATURES + masks, channels, 3)
            self.refine.conv2 = nn.Conv2d(channels, channels, 3)
            self.refine.conv3 = nn.Conv2d(channels, masks, 1)
            self.refine.position = nn.Parameter(torch.zeros(channels, 1, bands))
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("band", band_of_bin(edges), persistent=False)
        self.load_state_dict(state)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Return masks, (batch, targets, channels, frames, bins).

        Parameters
        ----------
        spectrum : Tensor, shape (batch, 2, frames, bins), complex64
        """
        features = self._features(spectrum)
        x = torch.tanh(self.fc1(features))
        logits = self.fc3(torch.relu(self.fc2(torch.cat([x, self.lstm(x)[0]], -1))))
        if self.refine is not None:
            own = {f"{PREFIX}{key}": value for key, value in self.refine.named_parameters()}
            refinement = Refinement(own, logits.device)
            pairs = zip(features, logits, strict=True)
            logits = torch.stack([refinement(*pair) for pair in pairs])
        masks: Tensor = logits.view(*logits.shape[:2], *self._shape).softmax(2)
        return masks.permute(0, 2, 3, 1, 4).index_select(-1, self.band)

    def _features(self, spectrum: Tensor) -> Tensor:
        """Return the logarithm of power in bands of left, right, sum and difference."""
        left, right = spectrum.unbind(1)
        signals = torch.stack([left, right, (left + right) * 0.5**0.5, (left - right) * 0.5**0.5])
        power = signals.real.square() + signals.imag.square()  # (4, batch, frames, bins)
        widths = self.edges.diff()
        total = power.new_zeros(*power.shape[:-1], len(widths)).index_add(-1, self.band, power)
        return (total / widths + self._floor).log().permute(1, 2, 0, 3).flatten(2)


class WaveformSeparator(nn.Module):
    """Open-Unmix from waveform to waveforms, as with ``niter=0``: gains times the mixture.

    Parameters
    ----------
    networks : mapping of str to TargetNetwork, or JointNetwork
        One network for each target, or a joint one.
    targets : sequence of str
        The wanted targets, in order.
    rows : sequence of int
        The index of each among the joint network's targets.
    n_fft, hop : int
        In samples.
    """

    window: Tensor

    def __init__(
        self,
        networks: Mapping[str, TargetNetwork] | JointNetwork,
        targets: Sequence[str],
        rows: Sequence[int],
        n_fft: int,
        hop: int,
    ) -> None:
        super().__init__()
        joint = isinstance(networks, JointNetwork)
        self.joint = networks if isinstance(networks, JointNetwork) else None
        self.networks = None if joint else nn.ModuleDict(dict(networks))  # type: ignore[arg-type]
        self._targets = list(targets)
        self._rows = list(rows)
        self._sizes = (n_fft, hop)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Separate excerpts.

        Parameters
        ----------
        audio : Tensor, shape (batch, channels, samples)
            Of more than ``n_fft // 2`` samples.

        Returns
        -------
        Tensor, shape (batch, targets, channels, samples)
        """
        n_fft, hop = self._sizes
        spectrum = torch.stft(
            audio.flatten(0, 1), n_fft, hop, window=self.window, return_complex=True
        )
        spectrum = spectrum.view(*audio.shape[:2], *spectrum.shape[1:]).transpose(2, 3)
        if self.joint is not None:
            gains = self.joint(spectrum)[:, self._rows]
        else:
            assert self.networks is not None
            magnitude = spectrum.abs()
            gains = torch.stack([self.networks[name](magnitude) for name in self._targets], 1)
        stems = (gains * spectrum.unsqueeze(1)).transpose(3, 4)
        shape = stems.shape[:3]
        waves: Tensor = torch.istft(
            stems.flatten(0, 2), n_fft, hop, window=self.window, length=audio.shape[-1]
        )
        return waves.view(*shape, -1)


def load_network(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str]
) -> WaveformSeparator:
    """Build the networks of some targets, on the CPU.

    Raises
    ------
    ModelError
        If a file is not an Open-Unmix network.
    """
    first = weights[card.files_for(targets)[0].file]
    if is_joint(first):
        checkpoint = open_joint(card, first)
        header = checkpoint.header
        rows = [header.targets.index(target) for target in targets]
        return WaveformSeparator(JointNetwork(checkpoint), targets, rows, header.n_fft, header.hop)
    checkpoints, framing = open_networks(card, weights, targets)
    networks = {target: TargetNetwork(checkpoints[target]) for target in targets}
    return WaveformSeparator(networks, targets, (), framing.n_fft, framing.hop)
