"""Integrated loudness as ITU-R BS.1770-5 and EBU R 128 define it, in LUFS.

The K-weighting is computed in the frequency domain: its impulse response fades to
nothing within a quarter of a second, so convolving with it block by block is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Power = NDArray[np.float64]

_OFFSET = -0.691
"""dB; makes a sine of 997 Hz at full scale in one channel -3.01 LUFS."""
_ABSOLUTE, _RELATIVE = -70.0, -10.0
"""The gates: LUFS, and LU below the loudness of what passes the first gate."""
_STEPS = 4
"""Steps of 100 ms in a gating block of 400 ms."""


class LoudnessMeter:
    """Measures a recording that arrives in blocks.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._response, self._size, self._taps = _weighting(sample_rate)
        self._waiting: list[Audio] = []
        self._held = 0
        self._past: Audio | None = None
        self._done = 0
        self._energies = np.zeros(0)
        self._loudness: float | None = None

    def add(self, block: Audio) -> None:
        """Take the next samples; shape (channels, samples)."""
        self._waiting.append(block)
        self._held += block.shape[-1]
        step = self._size - self._taps
        if self._held >= step:
            samples = np.concatenate(self._waiting, axis=-1)
            whole = self._held // step * step
            for first in range(0, whole, step):
                self._weigh(samples[:, first : first + step])
            self._waiting = [samples[:, whole:].copy()]
            self._held -= whole

    def finish(self) -> float:
        """Return the integrated loudness in LUFS.

        Returns
        -------
        float
            -inf for silence and for less than 0.4 s, which has no loudness.
        """
        if self._loudness is None:
            if self._held:
                self._weigh(np.concatenate(self._waiting, axis=-1))
            self._loudness = _gated(self._energies[: self._done * 10 // self._rate] / self._step)
        return self._loudness

    @property
    def _step(self) -> float:
        """Samples in 100 ms."""
        return self._rate / 10

    def _weigh(self, samples: Audio) -> None:
        """Add the weighted energy of consecutive samples to their steps of 100 ms."""
        if self._past is None:
            self._past = np.zeros((len(samples), self._taps), np.float32)
        joined = np.concatenate([self._past, samples], axis=-1)
        self._past = joined[:, -self._taps :]
        spectrum = np.fft.rfft(joined, self._size) * self._response
        weighted = np.fft.irfft(spectrum, self._size)[:, self._taps : joined.shape[-1]]
        energy = (weighted * weighted).sum(0)
        steps = ((self._done + np.arange(len(energy))) * 10) // self._rate
        self._done += len(energy)
        found = np.bincount(steps - steps[0], energy)
        short = int(steps[-1]) + 1 - len(self._energies)
        self._energies = np.pad(self._energies, (0, max(0, short)))
        self._energies[steps[0] : steps[0] + len(found)] += found


def loudness_of(blocks: Iterable[Audio], sample_rate: int) -> float:
    """Return the integrated loudness of a recording in LUFS, see `LoudnessMeter`.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (channels, samples)
        One or two channels, which count the same.
    sample_rate : int
        In Hz.
    """
    meter = LoudnessMeter(sample_rate)
    for block in blocks:
        meter.add(block)
    return meter.finish()


def metered(blocks: Iterable[Audio], meter: LoudnessMeter) -> Iterator[Audio]:
    """Pass blocks of shape (1, channels, samples) on and measure them."""
    for block in blocks:
        meter.add(block[0])
        yield block


def _gated(steps: Power) -> float:
    """Return the loudness from the mean weighted power of each step of 100 ms."""
    if len(steps) < _STEPS:
        return float("-inf")
    blocks = np.convolve(steps, np.full(_STEPS, 1 / _STEPS), "valid")
    loud = blocks[blocks > _power(_ABSOLUTE)]
    if not len(loud):
        return float("-inf")
    loud = loud[loud > loud.mean() * 10 ** (_RELATIVE / 10)]
    return float(_OFFSET + 10 * np.log10(loud.mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def coefficients(sample_rate: int) -> tuple[tuple[Power, Power], ...]:
    """Return the two filters of the K-weighting as numerators and denominators.

    The standard gives them for 48 kHz; those of other rates are the same analogue
    filters under the bilinear transform (a shelf at 1682 Hz, a high pass at 38 Hz).
    """
    k = np.tan(np.pi * 1681.974450955533 / sample_rate)
    quality, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    norm = 1 + k / quality + k * k
    shelf = (
        np.array(
            [
                high + middle * k / quality + k * k,
                2 * (k * k - high),
                high - middle * k / quality + k * k,
            ]
        )
        / norm,
        np.array([norm, 2 * (k * k - 1), 1 - k / quality + k * k]) / norm,
    )
    k = np.tan(np.pi * 38.13547087602444 / sample_rate)
    quality = 0.5003270373238773
    norm = 1 + k / quality + k * k
    high_pass = (
        np.array([1.0, -2.0, 1.0]),
        np.array([norm, 2 * (k * k - 1), 1 - k / quality + k * k]) / norm,
    )
    return shelf, high_pass


@cache
def _weighting(sample_rate: int) -> tuple[NDArray[np.complex128], int, int]:
    """Return the spectrum of the impulse response, the size of the FFT, and the response's taps.

    Sampling the response of the recursive filters folds their infinite impulse response
    into the FFT; what is folded is below the last bit of a float64.
    """
    taps = 1 << int(np.ceil(np.log2(sample_rate / 4)))
    size = 4 * taps
    unit = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(len(unit), np.complex128)
    for above, below in coefficients(sample_rate):
        response *= np.polyval(above[::-1], unit) / np.polyval(below[::-1], unit)
    # Cut where the next block begins, so that blocks do not see each other.
    impulse = np.fft.irfft(response, size)
    impulse[taps:] = 0
    return np.fft.rfft(impulse), size, taps
