"""Views of a mixture: delayed, upside down, left and right exchanged; and back again.

A network is not quite the same to each of them, so the mean of what it makes
of several is better than any one of these (test-time averaging).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...audio.blocks import crop
from ..interface import Block, Mixture
from .options import Options

LONGEST = 0.5
"""Seconds of the longest delay that is never reached, as in Demucs."""


@dataclass(frozen=True)
class View:
    """How a mixture is shown.

    Attributes
    ----------
    delay : int
        Samples of silence in front.
    inverted : bool
        Whether its polarity is reversed.
    exchanged : bool
        Whether left and right are exchanged.
    """

    delay: int = 0
    inverted: bool = False
    exchanged: bool = False

    def of(self, mixture: Mixture) -> Mixture:
        """Return the mixture as it is seen."""
        return mixture if self == View() else _Seen(mixture, self)

    def undo(self, stems: Iterable[Block], length: int) -> Iterator[Block]:
        """Turn the stems of what is seen into those of the mixture, of this length."""
        for block in crop(stems, self.delay, self.delay + length) if self.delay else stems:
            yield self._turn(block)

    def _turn(self, block: Block) -> Block:
        if self.exchanged:
            block = block[..., ::-1, :]
        return -block if self.inverted else block


@dataclass(frozen=True)
class _Seen:
    """A mixture through a view."""

    mixture: Mixture
    view: View

    @property
    def sample_rate(self) -> int:
        return self.mixture.sample_rate

    @property
    def channels(self) -> int:
        return self.mixture.channels

    @property
    def length(self) -> int:
        return self.mixture.length + self.view.delay

    def blocks(self) -> Iterator[Block]:
        if self.view.delay:
            yield np.zeros((self.channels, self.view.delay), np.float32)
        for block in self.mixture.blocks():
            yield self.view._turn(block)


def views_for(options: Options | None, mixture: Mixture) -> list[View]:
    """Return the views that options ask for; the plain one is always first.

    Delays are evenly spread over half a second, so that the same options always
    give the same stems.
    """
    options = options or Options()
    longest = LONGEST * mixture.sample_rate
    views = [View(round(k * longest / options.shifts)) for k in range(options.shifts)]
    if options.polarity:
        views.append(View(inverted=True))
    if options.exchange and mixture.channels == 2:
        views.append(View(exchanged=True))
    return views
