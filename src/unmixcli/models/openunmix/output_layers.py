"""Output layers: turn the numbers of each frame into gains per target, channel and bin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch

from .input_layers import LogBands, band_of_bin
from .network import Affine, Folded
from .refinement import Refinement

Ranges = Sequence[tuple[int, int]]
"""First bin and one past the last bin of each range that is processed together."""


class Head(Protocol):
    """The output layers of all networks of a model.

    Attributes
    ----------
    targets : tuple of str
    channels : int
        1 if one gain applies to all channels of the mixture.
    context : int
        Frames on either side of a block that its gains depend on.
    """

    targets: tuple[str, ...]
    channels: int
    context: int

    def __call__(
        self,
        rows: Sequence[torch.Tensor],
        spectrum: torch.Tensor,
        wanted: slice,
        refined: bool = False,
    ) -> Callable[[int], torch.Tensor]:
        """Compute the gains of a block of frames.

        Parameters
        ----------
        rows : sequence of Tensor, shape (frames, hidden)
            For each network, of the block and as much context as the track has.
        spectrum : Tensor, shape (channels, frames, bins), complex64
            The mixture in the same frames.
        wanted : slice
            The block's own frames among them.
        refined : bool
            Whether the EM starts from these gains.

        Returns
        -------
        callable
            Takes the index of a range and returns its non-negative gains, shape
            (targets, channels, frames, bins of the range).
        """
        ...


class RectifiedHead:
    """The published output layer: a rectified gain for each bin, with one network per target.

    Parameters
    ----------
    targets : tuple of str
        The target of each network.
    networks : sequence of Folded
    ranges : sequence of (int, int)
    device : torch.device
    dtype : torch.dtype
        Type in which the products are computed.
    """

    context = 0

    def __init__(
        self,
        targets: tuple[str, ...],
        networks: Sequence[Folded],
        ranges: Ranges,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.targets = targets
        self.channels = networks[0].channels
        # The weights of a range are contiguous, so that its product reads them in order.
        self._layers = [
            [
                Affine.on(
                    device,
                    network.output[:, first:end].flatten(0, 1).T,
                    network.output_bias[:, first:end].flatten(),
                ).to(dtype)
                for network in networks
            ]
            for first, end in ranges
        ]

    def __call__(
        self,
        rows: Sequence[torch.Tensor],
        spectrum: torch.Tensor,
        wanted: slice,
        refined: bool = False,
    ) -> Callable[[int], torch.Tensor]:
        """See `Head`."""
        return partial(self._gains, rows)

    def _gains(self, rows: Sequence[torch.Tensor], k: int) -> torch.Tensor:
        layers = self._layers[k]
        frames, width = rows[0].shape[0], layers[0].bias.shape[0]
        gains = rows[0].new_empty((len(rows), frames, width))
        for layer, row, out in zip(layers, rows, gains, strict=True):
            if layer.weight.dtype == row.dtype:
                torch.addmm(layer.bias, row, layer.weight, out=out)
            else:
                out.copy_(layer(row))
        shape = (len(rows), frames, self.channels, width // self.channels)
        return gains.relu_().view(shape).transpose(1, 2)


class BandMaskHead:
    """The joint network's output layer: divides bands among the targets.

    Parameters
    ----------
    targets : tuple of str
        The wanted targets, in order.
    heads : sequence of int
        The index of each among the network's targets.
    shape : (int, int)
        Number of the network's targets, and of channels.
    layer : Affine
        From the hidden size to (targets x channels x bands) logits, whose
        softmax over the targets is the gain of every bin of a band.
    edges : Tensor, shape (bands + 1,)
        First bin of each band and, last, the number of bins.
    em_factor : float
        Factor on the logits if the EM starts from the gains: it sharpens the masks.
    ranges : sequence of (int, int)
    bands : LogBands
        The features that the refinement reads.
    refinement : Refinement or None
        Corrects the logits.
    """

    def __init__(
        self,
        targets: tuple[str, ...],
        heads: Sequence[int],
        shape: tuple[int, int],
        layer: Affine,
        edges: torch.Tensor,
        em_factor: float,
        ranges: Ranges,
        bands: LogBands,
        refinement: Refinement | None = None,
    ) -> None:
        self.targets = targets
        self.channels = shape[1]
        self._em_factor = em_factor
        self._heads = list(heads)
        self._shape = shape
        self._layer = layer
        self._features = bands
        self._refinement = refinement
        self.context = refinement.context if refinement else 0
        band = band_of_bin(edges).to(layer.bias.device)
        self._bands = [band[first:end] for first, end in ranges]

    def __call__(
        self,
        rows: Sequence[torch.Tensor],
        spectrum: torch.Tensor,
        wanted: slice,
        refined: bool = False,
    ) -> Callable[[int], torch.Tensor]:
        """See `Head`."""
        (row,) = rows
        logits = self._layer(row)
        if self._refinement:
            logits = self._refinement(self._features(spectrum), logits)
        logits = logits.view(row.shape[0], *self._shape, -1)[wanted]
        if refined:
            logits.mul_(self._em_factor)
        masks = logits.softmax(1)[:, self._heads].permute(1, 2, 0, 3).contiguous()
        return lambda k: masks.index_select(-1, self._bands[k])
