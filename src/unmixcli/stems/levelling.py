"""Choose the one gain that all stems of a recording get."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from ..audio.formats import Encoding
from ..audio.reading import Excerpt
from ..audio.rescaling import gain_within
from ..audio.writing import Shape
from ..models.interface import Block
from ..signal.loudness import LoudnessMeter, loudness_of, metered
from ..words import display

log = logging.getLogger("unmixcli")


@dataclass(frozen=True)
class Loudness:
    """The loudness of what the gain was chosen for, in LUFS.

    Attributes
    ----------
    wanted : float
    measured : float
        Before the gain; -inf for silence, and for less than 0.4 s.
    reached : float
        After the gain.
    """

    wanted: float
    measured: float
    reached: float

    @property
    def facts(self) -> dict[str, float]:
        """The numbers for the record; none for a recording without a loudness."""
        if math.isinf(self.measured):
            return {}
        return {"lufs_before": round(self.measured, 2), "lufs": round(self.reached, 2)}


class Levelling:
    """Measures stems on their way, then chooses their common gain.

    If one file is written, it gets the wanted loudness. If there are several, the
    recording does: the stems are its parts and add up to it.

    Parameters
    ----------
    wanted : float or None
        LUFS.
    clip : str
        With ``rescale``, all samples stay within full scale, even if that misses the loudness.
    name : str
        Of the recording, for warnings.
    measure : callable
        Returns the loudness of the recording in LUFS.
    """

    def __init__(
        self, wanted: float | None, clip: str, name: str, measure: Callable[[], float]
    ) -> None:
        self._wanted = wanted
        self._clip = clip
        self._name = name
        self._measure = measure
        self.loudness: Loudness | None = None

    @classmethod
    def of(cls, wanted: float | None, encoding: Encoding, recording: Excerpt) -> Self:
        """Prepare the levelling of a recording's stems."""
        return cls(
            wanted,
            encoding.clip,
            display(recording.path),
            lambda: loudness_of(recording.blocks(), recording.sample_rate),
        )

    @property
    def needed(self) -> bool:
        """Whether the gain depends on samples that are still to come."""
        return self._clip == "rescale" or self._wanted is not None

    def measured(self, blocks: Iterator[Block], count: int, shape: Shape) -> Iterator[Block]:
        """Pass the stems on; measure them if there is only one."""
        if self._wanted is None or count > 1:
            return blocks
        meter = LoudnessMeter(shape.sample_rate)
        self._measure = meter.finish
        return metered(blocks, meter)

    def gain(self, peak: float) -> float:
        """Return the gain of all stems.

        Parameters
        ----------
        peak : float
            The largest absolute sample of all of them.
        """
        if self._wanted is None:
            return gain_within(peak)
        measured = self._measure()
        if math.isinf(measured):
            log.warning(
                "%s: it is silent or shorter than 0.4 s and has no loudness; its level was kept",
                self._name,
            )
            return gain_within(peak) if self._clip == "rescale" else 1.0
        gain = 10 ** ((self._wanted - measured) / 20)
        if self._clip == "rescale":
            gain *= gain_within(peak * gain)
        reached = measured + 20 * math.log10(gain)
        self.loudness = Loudness(self._wanted, measured, reached)
        if self._wanted - reached > 0.05:
            log.warning(
                "%s: it has %.1f instead of %.1f LUFS, because more would exceed full scale; "
                "--clip clamp limits the samples that do",
                self._name,
                reached,
                self._wanted,
            )
        elif self._clip == "none" and peak * gain > 1:
            log.warning(
                "%s: peaks exceed full scale by %.1f dB, and players will clip them; "
                "leave --clip none out to stay within it",
                self._name,
                20 * math.log10(peak * gain),
            )
        return gain
