"""Real recordings as training data: stems that take the place of generated ones.

The folder is laid out as `docs/training.md` says: `phrases/*` are sung phrases, `guitars/*` are
lead guitars (*other*), `songs/NAME/` have `vocals`, `drums` and either `bass` and `other` or
`instruments`, in which the bass is not apart. Songs with all four stems are for validation only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from .generator import SAMPLE_RATE, TARGETS, effects
from .multitracks import read_stereo, write_pieces
from .songs import RECORDED_LEVEL

PIECE_SECONDS = 15.0
NARROW = ("hydrogen",)
"""Songs of half the bandwidth: heard as they are, but no partners for other songs."""


def import_recordings(source: Path, recordings: Path, held_out: Path, variants: int = 6) -> int:
    """Cut and treat the recordings; songs with all stems go to `held_out`.

    Parameters
    ----------
    source : Path
    recordings, held_out : Path
        Folders to write; see `songs.Recordings`.
    variants : int
        Treatments of every recorded voice.

    Returns
    -------
    int
        How many recordings were found.

    Raises
    ------
    FileNotFoundError
        If the folder has none.
    """
    voices = sorted(source.glob("phrases/*.ogg"))
    guitars = sorted(source.glob("guitars/*.ogg"))
    songs = sorted(folder for folder in source.glob("songs/*") if folder.is_dir())
    if not voices + guitars + songs:
        raise FileNotFoundError(
            f"{source} has none of the folders phrases, guitars and songs in it: "
            "docs/training.md says where the recordings are"
        )
    for song in songs:
        stems = {file.stem: read_stereo(file) for file in sorted(song.glob("*.ogg"))}
        if set(TARGETS) <= set(stems):
            write_pieces(_stacked([stems[t] for t in TARGETS]), held_out, song.name, PIECE_SECONDS)
            continue
        silent = np.zeros((2, 0), np.float32)
        whole = _stacked([stems["vocals"], stems["drums"], silent, stems["instruments"]])
        write_pieces(whole, recordings / "unsplit", song.name, PIECE_SECONDS, "-unsplit")
        if song.name not in NARROW:
            _write_stem(stems["drums"], recordings / "drums", song.name)
            _write_voice(stems["vocals"], recordings / "vocals", song.name, variants)
    for file in guitars:
        _write_stem(read_stereo(file), recordings / "other", file.stem)
    for file in voices:
        _write_voice(read_stereo(file), recordings / "vocals", file.stem, variants)
    return len(voices) + len(guitars) + len(songs)


def _stacked(stems: list[np.ndarray]) -> np.ndarray:
    longest = max(stem.shape[1] for stem in stems)
    out = np.stack([np.pad(stem, ((0, 0), (0, longest - stem.shape[1]))) for stem in stems])
    # Clipped files would be no sum of their stems any more.
    return out / max(1.0, float(np.abs(out).max()), float(np.abs(out.sum(axis=0)).max()))


def _write_stem(audio: np.ndarray, folder: Path, name: str) -> None:
    """Pieces in which something sounds, at the level that `dataset.Mixer` expects."""
    folder.mkdir(parents=True, exist_ok=True)
    audio = effects.normalise(audio)
    length = int(PIECE_SECONDS * SAMPLE_RATE)
    for number, start in enumerate(range(0, audio.shape[1], length)):
        piece = effects.normalise(audio[:, start : start + length], RECORDED_LEVEL)
        sounding = (audio[:, start : start + length] ** 2).mean() > 0.03 * RECORDED_LEVEL**2
        if piece.shape[1] > length // 3 and sounding:
            piece *= min(1.0, 0.99 / float(np.abs(piece).max()))
            np.save(folder / f"{name}-{number:03d}.npy", np.round(piece * 32767).astype(np.int16))


def _write_voice(audio: np.ndarray, folder: Path, name: str, variants: int) -> None:
    """A voice as it is, and in treatments that it might have had."""
    audio = _close_up(audio)
    _write_stem(audio, folder, f"{name}-0")
    for variant in range(1, variants):
        rng = np.random.default_rng([variant, *name.encode()])
        _write_stem(treat(audio, rng), folder, f"{name}-{variant}")


def _close_up(audio: np.ndarray, longest: float = 0.6) -> np.ndarray:
    """The same with pauses shortened to at most `longest` seconds."""
    block = SAMPLE_RATE // 20
    usable = audio.shape[1] // block * block
    power = (audio[:, :usable].reshape(2, -1, block) ** 2).mean(axis=(0, 2))
    quiet = power < 1e-4 * np.quantile(power, 0.95)
    kept = np.ones(len(quiet), bool)
    run = 0
    for index, silent in enumerate(quiet):
        run = run + 1 if silent else 0
        kept[index] = run * block <= longest * SAMPLE_RATE
    return audio[:, :usable].reshape(2, -1, block)[:, kept].reshape(2, -1)


def treat(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One more manner of the same voice: higher or lower, doubled, pressed, driven, wet."""
    audio = resampled(audio, float(np.exp(rng.normal(0, 0.12))))
    if rng.random() < 0.25:
        double = resampled(audio, float(np.exp(rng.normal(0, 0.004))))
        late = int(rng.uniform(0.008, 0.035) * SAMPLE_RATE)
        double = np.pad(double, ((0, 0), (late, audio.shape[1])))[:, : audio.shape[1]]
        audio = audio + effects.pan(double, rng.uniform(-0.9, 0.9)) * rng.uniform(0.3, 0.9)
    audio = effects.highpass(audio, rng.uniform(60, 200))
    audio = effects.random_eq(audio, rng, 4)
    if rng.random() < 0.6:
        audio = effects.compress(audio, rng.uniform(-10, 0), rng.uniform(2, 10), 0.12)
    if rng.random() < 0.3:  # towards a shout: harmonics, and the middle in front
        audio = effects.saturate(audio, float(np.exp(rng.uniform(-0.5, 2))))
        presence = effects.biquad("peak", rng.uniform(1200, 3500), rng.uniform(2, 9), 0.8)
        audio = effects.equalise(audio, presence)
    if rng.random() < 0.15:
        audio = effects.chorus(audio, rng)
    return effects.room(audio, rng, 0.75, 1.5, rng.uniform(80, 160))


def resampled(audio: np.ndarray, speed: float) -> np.ndarray:
    """Played faster, and so higher, or slower."""
    return soxr.resample(audio.T, SAMPLE_RATE * speed, SAMPLE_RATE).T.astype(np.float32)
