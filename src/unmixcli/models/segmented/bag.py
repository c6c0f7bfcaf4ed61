"""Combine several networks that estimate the same targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from ...errors import ModelError

Network = Callable[[torch.Tensor], torch.Tensor]
"""From segments, (batch, channels, samples), to stems, (batch, stems, channels, samples)."""


class Bag:
    """The weighted mean of several networks, for some of their stems; itself a network.

    A network whose weight is zero for all wanted stems is not run. The result
    of a single network is its own estimate, bit for bit.

    Parameters
    ----------
    networks : sequence of callable
        All take the same segments and estimate the same stems.
    weights : sequence of sequence of float
        The weight of each network's estimate of each stem.
    rows : sequence of int
        The wanted stems, in order.

    Raises
    ------
    ModelError
        If there is not one weight for each stem of each network, or all weights
        of a wanted stem are zero.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        weights: Sequence[Sequence[float]],
        rows: Sequence[int],
    ) -> None:
        if len(weights) != len(networks) or len({len(own) for own in weights}) != 1:
            raise ModelError(
                f"{len(networks)} networks need as many lists of weights, with one weight per stem"
            )
        totals = [sum(own[row] for own in weights) for row in rows]
        if not all(math.isfinite(total) and total > 0 for total in totals):
            raise ModelError("the weights of the networks add up to nothing for one of the stems")
        self.networks = [
            network
            for network, own in zip(networks, weights, strict=True)
            if any(own[row] for row in rows)
        ]
        """The networks to run."""
        self._shares = [
            [own[row] / total for row, total in zip(rows, totals, strict=True)]
            for own in weights
            if any(own[row] for row in rows)
        ]
        self._rows = list(rows)

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        """Return the wanted stems, shape (batch, rows, channels, samples)."""
        stems: list[torch.Tensor | None] = [None] * len(self._rows)
        for network, shares in zip(self.networks, self._shares, strict=True):
            estimate = network(segments)
            for k, (row, share) in enumerate(zip(self._rows, shares, strict=True)):
                if share:
                    part = estimate[:, row].float() * share
                    before = stems[k]
                    stems[k] = part if before is None else before + part
        return torch.stack([stem for stem in stems if stem is not None], 1)
