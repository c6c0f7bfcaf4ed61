"""Simple methods that a trained model must beat, and the ideal mask that it cannot."""

from __future__ import annotations

import torch
from scipy.ndimage import median_filter
from torch import Tensor

from .bands import BINS, N_FFT
from .filtering import istft, stft
from .generator import SAMPLE_RATE, TARGETS


def silence(mixture: Tensor, stems: Tensor) -> Tensor:
    return torch.zeros_like(stems)


def quarter(mixture: Tensor, stems: Tensor) -> Tensor:
    """A quarter of the mixture as every stem."""
    return (mixture / 4).expand_as(stems)


def simple(mixture: Tensor, stems: Tensor) -> Tensor:
    """The best simple method of each kind: REPET-SIM's foreground as vocals, HPSS's percussive
    part as drums, a low-pass at 200 Hz as bass, and what those leave as other.
    """
    spectrum = stft(mixture)
    vocals = repet_sim(spectrum) * spectrum
    drums = percussive(spectrum) * spectrum
    low = torch.arange(BINS) * SAMPLE_RATE / N_FFT < 200
    bass = low[:, None] * spectrum
    other = 0.5 * (spectrum - vocals - drums - bass)
    return istft(torch.stack([vocals, drums, bass, other]), mixture.shape[-1])


def percussive(spectrum: Tensor) -> Tensor:
    """The soft mask of median-filtering harmonic-percussive separation (Fitzgerald 2010)."""
    magnitude = spectrum.abs().mean(dim=0).numpy()
    harmonic = torch.from_numpy(median_filter(magnitude, (1, 17))) ** 2
    sudden = torch.from_numpy(median_filter(magnitude, (17, 1))) ** 2
    return sudden / (harmonic + sudden + 1e-10)


def repet_sim(spectrum: Tensor, neighbours: int = 20, high_pass: float = 100.0) -> Tensor:
    """The foreground mask of REPET-SIM (Rafii and Pardo 2012): what similar frames do not share."""
    magnitude = spectrum.abs().mean(dim=0)
    unit = magnitude / (magnitude.norm(dim=0) + 1e-9)
    similarity = unit.T @ unit
    frames = len(similarity)
    near = (torch.arange(frames)[:, None] - torch.arange(frames)).abs() < 10
    similarity = similarity.masked_fill(near & ~torch.eye(frames, dtype=torch.bool), -1)
    index = similarity.topk(min(neighbours, frames), dim=1).indices
    background = magnitude[:, index].median(dim=-1).values.minimum(magnitude)
    mask = 1 - background / (magnitude + 1e-9)
    mask[: int(high_pass * N_FFT / SAMPLE_RATE)] = 0
    return mask


def ideal(mixture: Tensor, stems: Tensor) -> Tensor:
    """The ideal ratio mask |S_j|^2 / sum |S|^2."""
    power = stft(stems).abs() ** 2
    return istft(power / (power.sum(dim=0) + 1e-10) * stft(mixture), mixture.shape[-1])


METHODS = {
    "silence": silence,
    "a quarter of the mixture": quarter,
    "REPET-SIM, HPSS, low-pass, the rest": simple,
    "ideal ratio mask": ideal,
}

assert TARGETS == ("vocals", "drums", "bass", "other")
