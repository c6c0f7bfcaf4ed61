"""A user's own multitracks as a pool of songs to train on.

The layout is MUSDB's: one folder a song, in it `vocals.wav`, `drums.wav`, `bass.wav` and
`other.wav` in any format that soundfile reads. Files of other names (except `mixture`) count as
`other`; a target without a file is silent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from .generator import SAMPLE_RATE, TARGETS

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")


def import_multitracks(source: Path, pool: Path, held_out: Path, seconds: float = 30.0) -> int:
    """Cut every song into pieces for training; every tenth song, at least one, is held out.

    Returns
    -------
    int
        How many songs were found.

    Raises
    ------
    FileNotFoundError
        If no folder has a stem in it, or if there is only one song.
    """
    folders = [f for f in sorted(source.iterdir()) if f.is_dir() and _stem_files(f)]
    if len(folders) < 2:
        raise FileNotFoundError(
            f"{source} needs at least two song folders with {TARGETS[0]}.wav and so on in them: "
            "one to train on and one to validate with."
        )
    for index, folder in enumerate(folders):
        # A held-out song chosen by its place: the same one in every run.
        target = held_out if index % 10 == 0 else pool
        write_pieces(_read(folder), target, f"multitrack-{index:04d}", seconds)
    return len(folders)


def _stem_files(folder: Path) -> list[Path]:
    files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in SUFFIXES]
    return [f for f in files if f.stem.lower() != "mixture"]


def _read(folder: Path) -> np.ndarray:
    stems: list[list[np.ndarray]] = [[] for _ in TARGETS]
    for file in _stem_files(folder):
        audio = read_stereo(file)
        name = file.stem.lower() if file.stem.lower() in TARGETS else "other"
        stems[TARGETS.index(name)].append(audio)
    longest = max(audio.shape[1] for parts in stems for audio in parts)
    out = np.zeros((len(TARGETS), 2, longest), np.float32)
    for index, parts in enumerate(stems):
        for audio in parts:
            out[index, :, : audio.shape[1]] += audio
    return out / max(1.0, float(np.abs(out).max()))


def read_stereo(file: Path) -> np.ndarray:
    """A file's audio at the sample rate of all songs, float32 (2, samples)."""
    audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
    audio = soxr.resample(audio, rate, SAMPLE_RATE) if rate != SAMPLE_RATE else audio
    return (np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]).T


def write_pieces(
    song: np.ndarray, folder: Path, name: str, seconds: float, ending: str = ""
) -> None:
    """Write a song, float32 (stems, 2, samples), as pieces that `songs.SongFolder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    length = int(seconds * SAMPLE_RATE)
    for number, start in enumerate(range(0, max(1, song.shape[-1] - length // 3), length)):
        piece = song[..., start : start + length]
        path = folder / f"{name}-{number:03d}{ending}.npy"
        np.save(path, np.round(piece * 32767).astype(np.int16))
