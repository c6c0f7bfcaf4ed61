"""Songs to disk: one `.npy` of 16-bit stems a song, rendered by several processes."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from . import SAMPLE_RATE, TARGETS, effects
from .bass import render_bass
from .drums import render_drums
from .other import render_other
from .song import Song, compose
from .vocals import bank, render_vocals

HELD_OUT_FROM = 1_000_000
"""Songs with this number and above are never trained on."""

RENDERERS = {
    "vocals": render_vocals,
    "drums": render_drums,
    "bass": render_bass,
    "other": render_other,
}


def render_song(seed: int, seconds: float = 15.0) -> np.ndarray:
    """Compose and render song number `seed`.

    Returns
    -------
    ndarray, shape (4, 2, samples), float32
        The stems in the order of `TARGETS`; their sum is the mixture, within full scale.
    """
    return mix(compose(seed, seconds))


def mix(song: Song) -> np.ndarray:
    """Render the stems and set their levels as an engineer might."""
    rng = song.rng("mix")
    levels = {"vocals": rng.normal(1.0, 3.0), "drums": rng.normal(0, 3.0),
              "bass": rng.normal(-1.0, 2.8), "other": rng.normal(0, 3.0)}  # fmt: skip
    stems = np.stack([RENDERERS[t](song) * 10 ** (levels[t] / 20) for t in TARGETS])
    # Some songs lack drums or bass, as in the quiet parts of real ones.
    for index, chance in ((1, 0.06), (2, 0.06), (3, 0.01)):
        if rng.random() < chance:
            stems[index] = 0
    if rng.random() < 0.6:  # a limited master: all stems follow its gain, so their sum is it
        mixture = stems.sum(axis=0)
        threshold = np.quantile(np.abs(mixture).max(axis=0), rng.uniform(0.97, 0.998)) + 1e-6
        stems = stems * effects.limiter_gain(mixture, threshold, rng.uniform(0.03, 0.2))
    peak = max(np.abs(stems.sum(axis=0)).max(), np.abs(stems).max(), 1e-9)
    return (stems * (rng.uniform(0.5, 0.98) / peak)).astype(np.float32)


def song_file(folder: Path, seed: int) -> Path:
    return folder / f"song-{seed:07d}.npy"


def _render_to(folder: Path, seed: int, seconds: float) -> int:
    path = song_file(folder, seed)
    if not path.exists():
        stems = render_song(seed, seconds)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        with temporary.open("wb") as file:
            np.save(file, np.round(stems * 32767).astype(np.int16))
        temporary.replace(path)
    return seed


def render_pool(
    folder: Path, seeds: range, seconds: float = 15.0, jobs: int = 2, progress=None
) -> None:
    """Render songs into a folder, in parallel; songs already there are kept.

    Parameters
    ----------
    seeds : range
        The songs' numbers.
    jobs : int
        How many processes; each needs about 1 GB for its soundfonts.
    progress : callable, optional
        Called with each finished song's number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bank()  # built once, before the processes start
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_render_to, folder, seed, seconds) for seed in seeds]
        for future in as_completed(futures):
            if progress:
                progress(future.result())
            else:
                future.result()


def to_minutes(songs: int, seconds: float) -> float:
    return songs * seconds / 60


def write_audio(folder: Path, seed: int, seconds: float = 15.0) -> None:
    """One song as WAV files to listen to: the mixture and its stems."""
    import soundfile

    stems = render_song(seed, seconds)
    target = folder / f"song-{seed:07d}"
    target.mkdir(parents=True, exist_ok=True)
    soundfile.write(target / "mixture.wav", stems.sum(axis=0).T, SAMPLE_RATE)
    for name, stem in zip(TARGETS, stems, strict=True):
        soundfile.write(target / f"{name}.wav", stem.T, SAMPLE_RATE)
