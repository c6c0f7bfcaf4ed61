"""The spectrogram that MDX23C reads and writes: its sub-bands and their parts as channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Spectrum:
    """A short-time Fourier transform with a Hann window, of which the lowest bins are used.

    Parameters
    ----------
    n_fft : int
        Samples in a frame.
    hop : int
        Samples from one frame to the next.
    bins : int
        How many are used.
    """

    n_fft: int
    hop: int
    bins: int

    def of(self, audio: torch.Tensor, bands: int) -> torch.Tensor:
        """Transform audio into an image.

        Parameters
        ----------
        audio : Tensor, shape (batch, channels, samples)
        bands : int
            Equal parts of the bins.

        Returns
        -------
        Tensor, shape (batch, channels · 2 · bands, frames, bins of a band)
            Channels last in memory.
        """
        batch, channels, _ = audio.shape
        spectra = torch.stft(
            audio.flatten(0, 1),
            self.n_fft,
            self.hop,
            window=torch.hann_window(self.n_fft, device=audio.device),
            return_complex=True,
        )
        frames = spectra.shape[-1]
        parts = torch.view_as_real(spectra[:, : self.bins])
        parts = parts.reshape(batch, channels, bands, -1, frames, 2)
        image = parts.permute(0, 4, 3, 1, 5, 2).flatten(3)
        return image.permute(0, 3, 1, 2)

    def audio(self, image: torch.Tensor, bands: int, channels: int, samples: int) -> torch.Tensor:
        """Undo `of` for several stems.

        Parameters
        ----------
        image : Tensor, shape (batch, stems · channels · 2 · bands, frames, bins of a band)
        bands, channels, samples : int

        Returns
        -------
        Tensor, shape (batch, stems, channels, samples)
        """
        batch, _, frames, _ = image.shape
        parts = image.reshape(batch, -1, channels, 2, bands, frames, image.shape[-1])
        parts = parts.permute(0, 1, 2, 4, 6, 5, 3).reshape(-1, self.bins, frames, 2)
        spectra = F.pad(torch.view_as_complex(parts), (0, 0, 0, self.n_fft // 2 + 1 - self.bins))
        audio = torch.istft(
            spectra,
            self.n_fft,
            self.hop,
            window=torch.hann_window(self.n_fft, device=image.device),
            length=samples,
        )
        return audio.view(batch, -1, channels, samples)
