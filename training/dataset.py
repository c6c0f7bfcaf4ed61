"""Endless training batches from a folder of songs, mixed on the fly, and fixed validation ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .bands import BINS, HOP, N_FFT
from .generator import SAMPLE_RATE, TARGETS
from .mixing import example, spectra
from .songs import RECORDED_LEVEL, Recordings, SongFolder, song_files

STEMS = 4
OTHER = TARGETS.index("other")


@dataclass(frozen=True)
class MixOptions:
    """How examples are made of the songs."""

    frames: int = 128
    context: int = 0  # frames at either end that are heard and not judged
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
    # Pieces of which a stem is exchanged for a recorded one, where there are recordings of it.
    recorded: tuple[float, ...] = (0.4, 0.1, 0.0, 0.1)
    under_db: float = 5.0  # how far a recorded stem lies under the rest, give or take `gain_db`
    unsplit: float = 0.05  # pieces of recordings whose bass and *other* are not apart

    @property
    def kept(self) -> slice:
        return slice(self.context, self.frames - self.context)

    @property
    def samples(self) -> int:
        return N_FFT + (self.frames - 1) * HOP


def _faster(audio: np.ndarray, samples: int) -> np.ndarray:
    """Resample an excerpt linearly to `samples` samples."""
    positions = np.linspace(0, audio.shape[-1] - 1.001, samples)
    low = positions.astype(np.int64)
    part = (positions - low).astype(np.float32)
    return audio[..., low] * (1 - part) + audio[..., low + 1] * part


class _Piece(NamedTuple):
    """Four stems that were read together."""

    spectra: np.ndarray  # complex64 (4, 2, frames, bins)
    power: np.ndarray
    split: bool  # whether bass and *other* are apart


class Mixer:
    """Makes the batch of any step; the same step of the same songs is always the same batch.

    Reading pieces and taking their spectra costs most, so each piece serves several steps, with
    other partners and gains. Steps `stride` apart share pieces: with as many workers as that,
    each worker finds in its cache what it made before.
    """

    def __init__(
        self,
        songs: SongFolder,
        options: MixOptions,
        seed: int,
        stride: int = 1,
        recordings: Recordings | None = None,
    ) -> None:
        self._songs = songs
        self._options = options
        self._seed = seed
        self._stride = stride
        self._recordings = recordings or Recordings(None)
        self._cache: dict[tuple[int, int], _Piece] = {}

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        options = self._options
        fresh = max(1, options.batch // options.reuse)
        steps = [step - i * self._stride for i in range(4) if step >= i * self._stride]
        wanted = [(s, k) for s in steps for k in range(fresh)]
        pieces = []
        for key in wanted:
            if key not in self._cache:
                self._cache[key] = self._piece(np.random.default_rng([self._seed, 1, *key]))
            pieces.append(self._cache[key])
        self._cache = {key: self._cache[key] for key in wanted}
        rng = np.random.default_rng([self._seed, 2, step])
        drawn = [self._draw(pieces, rng) for _ in range(options.batch)]
        batch = stack([example(*arguments, options.kept) for *arguments, _ in drawn])
        batch["known"] = torch.from_numpy(np.stack([known for *_, known in drawn]))
        return batch

    def _piece(self, rng: np.random.Generator) -> _Piece:
        options = self._options
        speed = rng.uniform(0.8, 1.25) if rng.random() < options.speed else 1.0
        needed = int(options.samples * speed) + 2 if speed != 1 else options.samples
        recorded = self._recordings.unsplit
        songs = recorded if recorded and rng.random() < options.unsplit else self._songs
        audio, split = songs.piece(rng, needed)
        if (audio[0] ** 2).sum() < 0.02 * (audio**2).sum() and rng.random() > options.voiceless:
            audio, split = songs.piece(rng, needed)
        if songs is self._songs:
            self._exchange(audio, rng)
        if rng.random() < options.layered:
            extra, _ = self._songs.piece(rng, needed, stem=3)
            audio[3:] += extra * rng.choice([-1, 1]) * 10 ** (rng.normal(-3, 3) / 20)
        for stem in (0, 1, 3):
            if rng.random() < options.widened:
                _widen(audio[stem], rng)
        if speed != 1:
            audio = _faster(audio, options.samples)
        spectrum = spectra(audio)
        return _Piece(spectrum, _power(spectrum), split)

    def _exchange(self, audio: np.ndarray, rng: np.random.Generator) -> None:
        """Put recorded stems in the place of generated ones."""
        options = self._options
        for stem, chance in enumerate(options.recorded):
            if rng.random() >= chance:
                continue
            recorded = self._recordings.stem(stem, rng, audio.shape[-1])
            if recorded is not None:
                rest = np.sqrt((np.delete(audio, stem, axis=0).sum(axis=0) ** 2).mean())
                db = rng.normal(-options.under_db, options.gain_db)
                audio[stem] = recorded * (rest / RECORDED_LEVEL * 10 ** (db / 20))

    def _draw(self, pieces: list[_Piece], rng: np.random.Generator):
        """Spectra of four stems, whether their channels are exchanged, gains, what is known."""
        options = self._options
        if rng.random() < options.same_song:
            sources = np.full(STEMS, rng.integers(len(pieces)))
            swap = np.full(STEMS, rng.random() < 0.5)
        else:
            sources = rng.integers(len(pieces), size=STEMS)
            swap = rng.random(STEMS) < 0.5
        parts = [pieces[s].spectra[j] for j, s in enumerate(sources)]
        powers = np.array([pieces[s].power[j] for j, s in enumerate(sources)])
        if rng.random() < options.mono:
            parts = [np.repeat(part.mean(axis=0, keepdims=True), 2, axis=0) for part in parts]
        gains = self._gains(powers, rng)
        # A bass inside *other* belongs to neither: what these two should be, nobody knows.
        apart = pieces[sources[OTHER]].split or not gains[OTHER].any()
        known = np.array([True, True, apart, apart], np.float32)
        return parts, swap.astype(np.int64), gains, known

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
        self,
        folders: list[Path],
        options: MixOptions,
        seed: int,
        steps: int,
        stride: int,
        recordings: Path | None,
    ) -> None:
        self._arguments = (SongFolder(folders), options, seed, stride, Recordings(recordings))
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
    folders: list[Path],
    options: MixOptions,
    seed: int,
    steps: range,
    workers: int,
    recordings: Path | None = None,
) -> DataLoader:
    """The batches of the given steps in order; `workers` processes make them (0: this one)."""
    return DataLoader(
        _Batches(folders, options, seed, steps.stop, max(1, workers), recordings),
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
    for file in song_files([folder], "validate with"):
        song = np.load(file, mmap_mode="r")
        start = max(0, (song.shape[-1] - samples) // 2)
        audio = song[..., start : start + samples].astype(np.float32) / 32768
        audio = np.pad(audio, ((0, 0), (0, 0), (0, samples - audio.shape[-1])))
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
