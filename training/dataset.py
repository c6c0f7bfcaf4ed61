"""Endless training batches from a folder of songs, mixed on the fly, and fixed validation ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .bands import BINS, HOP, N_FFT
from .generator import SAMPLE_RATE
from .mixing import example, spectra

STEMS = 4


@dataclass(frozen=True)
class MixOptions:
    """How examples are made of the songs."""

    frames: int = 128
    batch: int = 16
    same_song: float = 0.4  # examples whose stems are of one song
    reuse: int = 3  # examples made of each piece read, with other partners and gains
    gain_db: float = 3.5
    # In the songs "other" is loudest and never rests: what cannot be told would all go there.
    offsets_db: tuple[float, ...] = (1.0, 0.0, 1.0, -1.0)
    voiceless: float = 0.5  # excerpts without voice that are taken all the same
    balance_db: float = 1.5
    tone_db: float = 3.0
    missing: float = 0.09  # of each stem
    layered: float = 0.12  # a second piece added to "other"
    speed: float = 0.3  # pieces played faster or slower, by up to a fourth
    level_db: float = 6.0  # of the whole example
    mono: float = 0.05
    widened: float = 0.3  # stems (not bass) whose sides are raised
    band_limited: float = 0.45  # examples cut off at 13 to 19 kHz, as lossy formats do

    @property
    def samples(self) -> int:
        return N_FFT + (self.frames - 1) * HOP


class SongFolder:
    """Songs as `.npy` files of shape (4, 2, samples), int16; new files are noticed."""

    def __init__(self, folders: list[Path], rescan_s: float = 120.0) -> None:
        self.folders = folders
        self._rescan_s = rescan_s
        self._scanned = -1e9
        self._files: list[Path] = []

    @property
    def files(self) -> list[Path]:
        if time.monotonic() - self._scanned > self._rescan_s:
            self._files = _song_files(self.folders, "train on")
            self._scanned = time.monotonic()
        return self._files

    def piece(self, rng: np.random.Generator, samples: int, stem: int | None = None) -> np.ndarray:
        """A random excerpt of a random song, float32 (stems, 2, samples); one stem or all."""
        song = np.load(self.files[rng.integers(len(self.files))], mmap_mode="r")
        chosen = song if stem is None else song[stem : stem + 1]
        length = song.shape[-1]
        if length < samples:
            return (
                np.pad(chosen, ((0, 0), (0, 0), (0, samples - length))).astype(np.float32) / 32768
            )
        start = int(rng.integers(length - samples + 1))
        return chosen[..., start : start + samples].astype(np.float32) / 32768


def _song_files(folders: list[Path], purpose: str) -> list[Path]:
    files = sorted(f for folder in folders for f in folder.glob("*.npy"))
    if not files:
        raise FileNotFoundError(
            f"There are no songs to {purpose} in {', '.join(map(str, folders))}. "
            "Render some first: python -m training render --hours 1"
        )
    return files


def _faster(audio: np.ndarray, samples: int) -> np.ndarray:
    """Resample an excerpt linearly to `samples` samples."""
    positions = np.linspace(0, audio.shape[-1] - 1.001, samples)
    low = positions.astype(np.int64)
    part = (positions - low).astype(np.float32)
    return audio[..., low] * (1 - part) + audio[..., low + 1] * part


class Mixer:
    """Makes the batch of any step; the same step of the same songs is always the same batch.

    Reading pieces and taking their spectra costs most, so each piece serves several steps, with
    other partners and gains. Steps `stride` apart share pieces: with as many workers as that,
    each worker finds in its cache what it made before.
    """

    def __init__(self, songs: SongFolder, options: MixOptions, seed: int, stride: int = 1) -> None:
        self._songs = songs
        self._options = options
        self._seed = seed
        self._stride = stride
        self._cache: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        options = self._options
        fresh = max(1, options.batch // options.reuse)
        steps = [step - i * self._stride for i in range(4) if step >= i * self._stride]
        wanted = [(s, k) for s in steps for k in range(fresh)]
        pieces = []
        for key in wanted:
            if key not in self._cache:
                piece = self._piece(np.random.default_rng([self._seed, 1, *key]))
                self._cache[key] = piece, _power(piece)
            pieces.append(self._cache[key])
        self._cache = {key: self._cache[key] for key in wanted}
        rng = np.random.default_rng([self._seed, 2, step])
        return stack([example(*self._draw(pieces, rng)) for _ in range(options.batch)])

    def _piece(self, rng: np.random.Generator) -> np.ndarray:
        options = self._options
        speed = rng.uniform(0.8, 1.25) if rng.random() < options.speed else 1.0
        needed = int(options.samples * speed) + 2 if speed != 1 else options.samples
        audio = self._songs.piece(rng, needed)
        if (audio[0] ** 2).sum() < 0.02 * (audio**2).sum() and rng.random() > options.voiceless:
            audio = self._songs.piece(rng, needed)
        if rng.random() < options.layered:
            extra = self._songs.piece(rng, needed, stem=3)
            audio[3:] += extra * rng.choice([-1, 1]) * 10 ** (rng.normal(-3, 3) / 20)
        for stem in (0, 1, 3):
            if rng.random() < options.widened:
                _widen(audio[stem], rng)
        if speed != 1:
            audio = _faster(audio, options.samples)
        return spectra(audio)

    def _draw(self, pieces, rng: np.random.Generator):
        """Spectra of four stems, whether their channels are exchanged, and their gains."""
        options = self._options
        if rng.random() < options.same_song:
            sources = np.full(STEMS, rng.integers(len(pieces)))
            swap = np.full(STEMS, rng.random() < 0.5)
        else:
            sources = rng.integers(len(pieces), size=STEMS)
            swap = rng.random(STEMS) < 0.5
        parts = [pieces[s][0][j] for j, s in enumerate(sources)]
        powers = np.array([pieces[s][1][j] for j, s in enumerate(sources)])
        if rng.random() < options.mono:
            parts = [np.repeat(part.mean(axis=0, keepdims=True), 2, axis=0) for part in parts]
        return parts, swap.astype(np.int64), self._gains(powers, rng)

    def _gains(self, powers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Gains of every stem, channel and bin, for stems of given mean power."""
        options = self._options
        db = rng.normal(options.offsets_db, options.gain_db)
        missing = rng.random(STEMS) < options.missing
        if missing.all():
            missing[rng.integers(STEMS)] = False
        # The whole at a typical level, within some decibels: loudness must tell nothing.
        level = np.sqrt((powers * 10 ** (db / 10) * ~missing).sum()) + 1e-3
        whole = TYPICAL_LEVEL / level * 10 ** (rng.normal(0, options.level_db) / 20)
        balance = rng.normal(0, options.balance_db, STEMS)
        sides = db[:, None] + np.stack([balance, -balance], axis=1) / 2
        curves = sides[:, :, None] + _tones(rng, options.tone_db)[:, None]
        signs = rng.choice([-1, 1], STEMS) * ~missing * whole
        gains = (10 ** (curves / 20) * signs[:, None, None]).astype(np.float32)
        if rng.random() < options.band_limited:
            gains[..., int(rng.uniform(13_000, 19_000) / SAMPLE_RATE * N_FFT) :] *= 1e-4
        return gains


TYPICAL_LEVEL = 5.0  # RMS of STFT magnitudes of a mixture at about -17 dB full scale


def _widen(audio: np.ndarray, rng: np.random.Generator) -> None:
    """Add a late copy with opposite signs to both sides, in place, as doubling and rooms do."""
    late = int(rng.uniform(0.007, 0.03) * SAMPLE_RATE)
    copy = audio.mean(axis=0)[:-late] * rng.choice([-1, 1]) * rng.uniform(0.1, 0.6)
    audio[:, late:] += np.stack([copy, -copy])


def _power(piece: np.ndarray) -> np.ndarray:
    """Mean power of each stem's bins, from a sample of its frames."""
    some = piece[:, :, ::8]
    return (some.real**2 + some.imag**2).mean(axis=(1, 2, 3))


def _tones(rng: np.random.Generator, spread_db: float) -> np.ndarray:
    """A smooth random equaliser for each stem, decibels (stems, bins)."""
    octaves = np.log2(np.maximum(np.arange(BINS), 1))
    knots = np.linspace(2, 11, 6)
    curves = rng.normal(0, spread_db, (STEMS, len(knots)))
    return np.stack([np.interp(octaves, knots, curve) for curve in curves])


class _Batches(Dataset):
    def __init__(
        self, folders: list[Path], options: MixOptions, seed: int, steps: int, stride: int
    ) -> None:
        self._arguments = (SongFolder(folders), options, seed, stride)
        self._steps = steps
        self._mixer: Mixer | None = None

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        if self._mixer is None:
            torch.set_num_threads(1)
            self._mixer = Mixer(*self._arguments)
        return self._mixer.batch(step)


def training_batches(
    folders: list[Path], options: MixOptions, seed: int, steps: range, workers: int
) -> DataLoader:
    """The batches of the given steps in order; `workers` processes make them (0: this one)."""
    return DataLoader(
        _Batches(folders, options, seed, steps.stop, max(1, workers)),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )


def validation_batch(folder: Path, frames: int = 256) -> dict[str, torch.Tensor]:
    """The middle of every song of a folder, as it is: the same examples every time."""
    samples = N_FFT + (frames - 1) * HOP
    examples = []
    for file in _song_files([folder], "validate with"):
        song = np.load(file, mmap_mode="r")
        start = max(0, (song.shape[-1] - samples) // 2)
        audio = song[..., start : start + samples].astype(np.float32) / 32768
        gains = np.ones((STEMS, 2, BINS), np.float32)
        examples.append(example(spectra(audio), np.zeros(STEMS, np.int64), gains))
    return stack(examples)


def stack(examples: list) -> dict[str, torch.Tensor]:
    """Examples side by side: features (frames, batch, ...), cross (frames, batch, ...), energy."""
    features, cross, energy = zip(*examples, strict=True)
    return {
        "features": torch.from_numpy(np.stack(features, axis=1)),
        "cross": torch.from_numpy(np.stack(cross, axis=1)),
        "energy": torch.from_numpy(np.stack(energy)),
    }
