"""Views of a mixture: delayed, inverted, or with left and right exchanged.

A network makes slightly different errors on each view, so the mean of its
estimates is better than each single one (test-time averaging).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...audio.blocks import crop
from ..interface import Block, Derived, Mixture
from .options import Options

LONGEST = 0.5
"""Upper bound of the delays in seconds, as in Demucs."""


@dataclass(frozen=True)
class View:
    """A transformation of a mixture.

    Attributes
    ----------
    delay : int
        Samples of silence in front of it.
    inverted : bool
        Whether its polarity is reversed.
    exchanged : bool
        Whether left and right are exchanged.
    """

    delay: int = 0
    inverted: bool = False
    exchanged: bool = False

    def of(self, mixture: Mixture) -> Mixture:
        """Return the transformed mixture."""
        return mixture if self == View() else _Seen(mixture, self)

    def undo(self, stems: Iterable[Block], length: int) -> Iterator[Block]:
        """Turn the stems of the transformed mixture into those of the mixture."""
        for block in crop(stems, self.delay, self.delay + length) if self.delay else stems:
            yield self._turn(block)

    def _turn(self, block: Block) -> Block:
        if self.exchanged:
            block = block[..., ::-1, :]
        return -block if self.inverted else block


@dataclass(frozen=True)
class _Seen(Derived):
    """A transformed mixture."""

    mixture: Mixture
    view: View

    @property
    def length(self) -> int:
        return self.mixture.length + self.view.delay

    def blocks(self) -> Iterator[Block]:
        if self.view.delay:
            yield np.zeros((self.channels, self.view.delay), np.float32)
        for block in self.mixture.blocks():
            yield self.view._turn(block)


def views_for(options: Options | None, mixture: Mixture) -> list[View]:
    """Return the views for some options; the unchanged mixture comes first.

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
