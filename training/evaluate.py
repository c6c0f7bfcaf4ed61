"""Global SDR of a model and of simple methods, on songs with true stems."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .baselines import METHODS
from .filtering import separate
from .generator import SAMPLE_RATE, TARGETS
from .loss import PRESENT
from .network import JointOpenUnmix


def global_sdr(stems: Tensor, estimates: Tensor) -> np.ndarray:
    """10 log10 of signal over error energy, over the whole song and both channels.

    Parameters
    ----------
    stems, estimates : Tensor, shape (targets, 2, samples)

    Returns
    -------
    ndarray, shape (targets,)
        Not-a-number for stems that are silent or 25 dB below the mixture.
    """
    signal = (stems**2).sum(dim=(1, 2)).double()
    error = ((stems - estimates) ** 2).sum(dim=(1, 2)).double()
    values = 10 * torch.log10(signal / (error + 1e-12) + 1e-12)
    return torch.where(signal > PRESENT * signal.sum(), values, torch.nan).numpy()


def generated_songs(folder: Path, limit: int = 50) -> Iterable[Tensor]:
    """The stems of held-out songs, (4, 2, samples)."""
    for file in sorted(folder.glob("*.npy"))[:limit]:
        yield torch.from_numpy(np.load(file).astype(np.float32) / 32768)


def real_songs(folder: Path) -> dict[str, Tensor]:
    """Held-out recordings that lie in pieces, put together again: name to (4, 2, samples)."""
    songs: dict[str, list[np.ndarray]] = {}
    for file in sorted(folder.glob("*.npy")):
        songs.setdefault(file.stem.rpartition("-")[0], []).append(np.load(file))
    return {
        name: torch.from_numpy(np.concatenate(pieces, axis=-1).astype(np.float32) / 32768)
        for name, pieces in songs.items()
    }


def real_excerpt() -> Tensor:
    """The six seconds of real music in the package stempeg. For validation only, never training.

    Returns
    -------
    Tensor, shape (4, 2, samples)
    """
    import av

    # Found without importing it: stempeg refuses to load where ffmpeg is not installed.
    spec = importlib.util.find_spec("stempeg")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The real excerpt is inside stempeg: pip install stempeg")
    path = next((Path(spec.origin).parent / "data").glob("*.stem.mp4"))
    stems = {}
    for index, name in enumerate(("mixture", "drums", "bass", "other", "vocals")):
        with av.open(str(path)) as container:
            stream = container.streams.audio[index]
            resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
            blocks = [
                part.to_ndarray()
                for frame in container.decode(stream)
                for part in resampler.resample(frame)
            ]
        stems[name] = torch.from_numpy(np.concatenate(blocks, axis=1))
    shortest = min(stem.shape[1] for stem in stems.values())
    return torch.stack([stems[target][:, :shortest] for target in TARGETS])


def evaluate(songs: Iterable[Tensor], methods: dict[str, Callable]) -> dict[str, np.ndarray]:
    """SDR of every method on every song, each (songs, targets)."""
    scores: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    for stems in songs:
        mixture = stems.sum(dim=0)
        for name, method in methods.items():
            scores[name].append(global_sdr(stems, method(mixture, stems)))
    return {name: np.stack(rows) for name, rows in scores.items()}


def model_methods(network: JointOpenUnmix, name: str) -> dict[str, Callable]:
    """The model without and with one iteration of EM, as methods for `evaluate`."""
    return {
        f"{name}, niter {n}": lambda mixture, stems, n=n: separate(network, mixture, n)
        for n in (0, 1)
    }


def table(scores: dict[str, np.ndarray]) -> str:
    """A Markdown table of means over songs."""
    lines = ["| | " + " | ".join(TARGETS) + " | mean |", "|---|" + "---|" * (len(TARGETS) + 1)]
    for name, values in scores.items():
        means = np.nanmean(values, axis=0)
        cells = [f"{v:.2f}" for v in [*means, means.mean()]]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def all_methods(network: JointOpenUnmix, name: str) -> dict[str, Callable]:
    return METHODS | model_methods(network, name)
