"""From a spectrum to the features of its bands, and from features to masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .transformer import unit

CPU_VALUES = 1 << 19
"""Hidden values that a mask estimator computes at once on a processor: 2 MiB, for the cache."""


@dataclass(frozen=True)
class Band:
    """A range of bins, and its place among the bands."""

    index: int
    start: int
    stop: int

    @property
    def width(self) -> int:
        """In bins."""
        return self.stop - self.start

    def of(self, spectrum: Tensor) -> Tensor:
        """Return the view of this band, (frames, bins, ...) to (frames, width, ...)."""
        return spectrum[:, self.start : self.stop]


def groups_of(bands: Sequence[Band]) -> list[list[Band]]:
    """Put bands of one width together, so that their layers can run as one product."""
    groups: dict[int, list[Band]] = {}
    for band in bands:
        groups.setdefault(band.width, []).append(band)
    return list(groups.values())


class BandLayers(nn.Module):
    """Linear layers of several bands of one width, each band with its own weights.

    Parameters
    ----------
    bands : sequence of Band
    weights : sequence of Tensor, shape (bands, inputs, outputs)
        Of each layer.
    biases : sequence of Tensor, shape (bands, outputs)
    """

    def __init__(
        self, bands: Sequence[Band], weights: Sequence[Tensor], biases: Sequence[Tensor]
    ) -> None:
        super().__init__()
        self.bands = tuple(bands)
        self.weights = nn.ParameterList(nn.Parameter(w, requires_grad=False) for w in weights)
        self.biases = nn.ParameterList(
            nn.Parameter(bias.unsqueeze(1), requires_grad=False) for bias in biases
        )

    @property
    def widest(self) -> int:
        """Values that a layer between the first and the last has at most."""
        return max((weights.shape[-1] for weights in list(self.weights)[:-1]), default=1)

    def forward(self, values: Tensor, bands: slice) -> Tensor:
        """Run the layers, with tanh between one and the next.

        Parameters
        ----------
        values : Tensor, shape (bands, frames, inputs)
        bands : slice
            Which of the bands these are.

        Returns
        -------
        Tensor, shape (bands, frames, outputs)
        """
        for number, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values.tanh_() if number else values
            values = torch.baddbmm(bias[bands], values, weights[bands])
        return values


class BandSplit(nn.Module):
    """A norm and a linear layer for each band.

    Parameters
    ----------
    groups : sequence of BandLayers
        Of one layer each, with the gains of the norms in the weights.
    """

    def __init__(self, groups: Sequence[BandLayers]) -> None:
        super().__init__()
        self._groups = tuple(groups)
        self.parts = nn.ModuleList(groups)
        self._count = sum(len(group.bands) for group in groups)
        self._dim = groups[0].weights[0].shape[-1]

    def forward(self, spectrum: Tensor) -> Tensor:
        """Compute features.

        Parameters
        ----------
        spectrum : Tensor, shape (frames, bins, channels, 2), float32

        Returns
        -------
        Tensor, shape (frames, bands, dim)
        """
        features = spectrum.new_empty(len(spectrum), self._count, self._dim)
        for group in self._groups:
            parts = torch.stack([band.of(spectrum).flatten(1) for band in group.bands])
            for band, values in zip(group.bands, group(unit(parts), slice(None)), strict=True):
                features[:, band.index] = values
        return features


class MaskEstimator(nn.Module):
    """The head of one stem: a small network for each band, which gives a complex mask.

    Parameters
    ----------
    groups : sequence of BandLayers
        A gated linear unit halves their outputs to (bins, channels, 2) values.
    """

    def __init__(self, groups: Sequence[BandLayers]) -> None:
        super().__init__()
        self._groups = tuple(groups)
        self.parts = nn.ModuleList(groups)

    def forward(self, features: Tensor, masks: Tensor) -> None:
        """Add each band's mask to its bins.

        Parameters
        ----------
        features : Tensor, shape (frames, bands, dim)
        masks : Tensor, shape (frames, bins, channels, 2), float32
        """
        for group in self._groups:
            for bands, frames in _parts(group, features):
                members = group.bands[bands]
                inputs = torch.stack([features[frames, band.index] for band in members])
                values = nn.functional.glu(group(inputs, bands))
                for band, value in zip(members, values, strict=True):
                    part = band.of(masks[frames])
                    part += value.view_as(part)


def _parts(group: BandLayers, features: Tensor) -> Iterator[tuple[slice, slice]]:
    """Divide a group's work: which bands, which frames."""
    count = len(features)
    if features.device.type != "cpu":
        yield slice(None), slice(None)
        return
    frames = max(1, CPU_VALUES // group.widest)
    for band in range(len(group.bands)):
        for start in range(0, count, frames):
            yield slice(band, band + 1), slice(start, start + frames)
