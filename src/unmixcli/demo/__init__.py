"""A song of half a minute, free of rights, with its true stems, to try the program on.

The generator that produced the training songs of the built-in model composed
and rendered it, from a seed that no training song used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..models.interface import Progress
from ..options.config import SeparationConfig
from ..separation.results import SeparatedTrack
from ..separation.separator import Separator

TARGETS = ("vocals", "drums", "bass", "other")
MIXTURE = Path(str(files(__package__))) / "mixture.ogg"


@dataclass(frozen=True)
class Demonstration:
    """The result of separating the song.

    Attributes
    ----------
    track : SeparatedTrack
    sdr : dict of str to float
        Global SDR of each stem in dB.
    baseline : dict of str to float
        The same with a quarter of the mixture in place of each stem.
    """

    track: SeparatedTrack
    sdr: dict[str, float]
    baseline: dict[str, float]


def demonstrate(config: SeparationConfig, progress: Progress | None = None) -> Demonstration:
    """Separate the song and compare the stems with the true ones.

    Parameters
    ----------
    config : SeparationConfig
        Options; the model must have the usual four targets, the format must be a 32-bit float WAV.
    progress : callable, optional
        Takes the stage and the fraction done, 0 to 1.

    Raises
    ------
    UnmixError
        See `Separator.separate_file`.
    """
    track = Separator(config).separate_file(MIXTURE, progress)
    mixture = _read(MIXTURE)
    true = {target: _read(MIXTURE.with_stem(target)) for target in TARGETS}
    return Demonstration(
        track,
        {target: global_sdr(true[target], _read(track.stems[target])) for target in TARGETS},
        {target: global_sdr(true[target], mixture / 4) for target in TARGETS},
    )


def global_sdr(reference: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
    """Compute the signal-to-distortion ratio over a whole track.

    Parameters
    ----------
    reference, estimate : ndarray, of the same shape

    Returns
    -------
    float
        ``10 log10(sum(reference^2) / sum((reference - estimate)^2))`` in dB,
        all channels together, as in the Music Demixing Challenge 2021
        (Y. Mitsufuji et al., Frontiers in Signal Processing 1, 2022).

    Examples
    --------
    >>> round(global_sdr(np.ones(100), np.full(100, 0.9)), 6)
    20.0
    """
    error = float(np.square(reference - estimate).sum())
    return float(10 * np.log10(np.square(reference).sum() / max(error, 1e-30)))


def _read(path: Path) -> NDArray[np.float64]:
    samples: NDArray[np.float64] = soundfile.read(path, always_2d=True)[0]
    return samples
