"""What examples are mixed of: songs on disk, and recorded stems."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from .generator import TARGETS

RECORDED_LEVEL = 0.1
"""RMS of the louder half of every recorded stem, as it was imported."""


class SongFolder:
    """Songs as `.npy` files of shape (4, 2, samples), int16; new files are noticed.

    A file whose name ends in `-unsplit.npy` holds a recording whose bass is inside *other*.
    """

    def __init__(self, folders: list[Path], rescan_s: float = 120.0) -> None:
        self.folders = folders
        self._rescan_s = rescan_s
        self._scanned = -1e9
        self._files: list[Path] = []

    @property
    def files(self) -> list[Path]:
        if time.monotonic() - self._scanned > self._rescan_s:
            self._files = song_files(self.folders, "train on")
            self._scanned = time.monotonic()
        return self._files

    def piece(
        self, rng: np.random.Generator, samples: int, stem: int | None = None
    ) -> tuple[np.ndarray, bool]:
        """A random excerpt of a random song, float32 (stems, 2, samples); one stem or all.

        Returns
        -------
        ndarray
        bool
            Whether bass and *other* are apart.
        """
        path = self.files[rng.integers(len(self.files))]
        song = np.load(path, mmap_mode="r")
        excerpt = _excerpt(song if stem is None else song[stem : stem + 1], rng, samples)
        return excerpt, not path.stem.endswith("-unsplit")


def _excerpt(song: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    length = song.shape[-1]
    if length < samples:
        padding = [(0, 0)] * (song.ndim - 1) + [(0, samples - length)]
        return np.pad(song, padding).astype(np.float32) / 32768
    start = int(rng.integers(length - samples + 1))
    return song[..., start : start + samples].astype(np.float32) / 32768


class Recordings:
    """Recorded stems that take the place of generated ones: see `recordings.py`.

    Folders `vocals`, `drums`, `bass` and `other` hold `.npy` files of shape (2, samples), int16;
    `unsplit` holds songs as `SongFolder` reads them. Any of them may be missing.
    """

    def __init__(self, folder: Path | None) -> None:
        files = {name: sorted(folder.glob(f"{name}/*.npy")) if folder else []
                 for name in (*TARGETS, "unsplit")}  # fmt: skip
        self._stems = [files[name] for name in TARGETS]
        self.unsplit = SongFolder([folder / "unsplit"]) if folder and files["unsplit"] else None

    def stem(self, stem: int, rng: np.random.Generator, samples: int) -> np.ndarray | None:
        """A random excerpt of a recording of one target, (2, samples), if there are any."""
        files = self._stems[stem]
        if not files:
            return None
        return _excerpt(np.load(files[rng.integers(len(files))], mmap_mode="r"), rng, samples)


def song_files(folders: list[Path], purpose: str) -> list[Path]:
    files = sorted(f for folder in folders for f in folder.glob("*.npy"))
    if not files:
        raise FileNotFoundError(
            f"There are no songs to {purpose} in {', '.join(map(str, folders))}. "
            "Render some first: python -m training render --hours 1"
        )
    return files
