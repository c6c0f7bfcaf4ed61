"""Bit rates of lossy formats, as the settings of their encoders."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

LIMITS = {"mp3": (8, 320), "ogg": (32, 500), "opus": (6, 510), "m4a": (16, 512)}
"""The lowest and highest bit rate of each format in kb/s, for stereo."""

# Nominal bit rates that Vorbis writes into its files, in kb/s, for the qualities 0 to 10.
_VORBIS = {
    (1, True): (48, 60, 70, 80, 86, 96, 110, 120, 140, 160, 239),
    (2, True): (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 499),
    (1, False): (24, 30, 35, 40, 45, 50, 58, 66, 74, 82, 89),
    (2, False): (36, 45, 56, 66, 77, 88, 104, 121, 138, 155, 171),
}


def compression_level(format: str, bit_rate: int, sample_rate: int, channels: int) -> float:
    """Return libsndfile's compression level for a bit rate, or for the nearest possible one.

    Parameters
    ----------
    format : str
        mp3, ogg or opus.
    bit_rate : int
        In kb/s, for all channels together.
    sample_rate : int
        In Hz.
    channels : int

    Returns
    -------
    float
        From 0, the highest bit rate, to 0.999.
    """
    if format == "ogg":
        rates = _VORBIS[min(channels, 2), sample_rate >= 26000]
        level = 1 - _place(bit_rate, rates) / 10
    else:
        # Both encoders go linearly from the highest bit rate to the lowest.
        low, high = _span(format, sample_rate, channels)
        level = (high - bit_rate) / (high - low)
    return min(max(level, 0.0), 0.999)


def _place(value: float, steps: Sequence[float]) -> float:
    """Return where a value is among growing steps, as a fractional index."""
    k = min(max(bisect_right(steps, value), 1), len(steps) - 1)
    low, high = steps[k - 1], steps[k]
    return k - 1 + (value - low) / (high - low)


def _span(format: str, sample_rate: int, channels: int) -> tuple[int, int]:
    if format == "opus":
        return 6 * channels, 256 * channels
    if sample_rate >= 32000:  # MPEG-1, then MPEG-2 and MPEG-2.5
        return 32, 320
    return (8, 160) if sample_rate >= 16000 else (8, 64)
