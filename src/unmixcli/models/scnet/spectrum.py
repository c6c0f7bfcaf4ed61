"""The spectrogram that an SCNet reads and writes, complex numbers as channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Spectrum:
    """A short-time Fourier transform without a window, that is with a rectangular one.

    Parameters
    ----------
    n_fft : int
        Samples in a frame.
    hop : int
        Samples from one frame to the next.
    orthonormal : bool
        Whether the transform is divided by the root of ``n_fft``.
    """

    n_fft: int
    hop: int
    orthonormal: bool

    @property
    def bins(self) -> int:
        """Bins of a frame."""
        return self.n_fft // 2 + 1

    def of(self, audio: torch.Tensor) -> torch.Tensor:
        """Transform (batch, channels, samples) to (batch, bins, frames, channels · 2).

        Zeros follow the audio, at least one, until the frames are even in number.
        """
        batch, channels, samples = audio.shape
        hops = samples // self.hop + 1
        audio = F.pad(audio, (0, (hops + 1 - hops % 2) * self.hop - samples))
        spectra = torch.stft(
            audio.flatten(0, 1),
            self.n_fft,
            self.hop,
            window=torch.ones(self.n_fft, device=audio.device),
            normalized=self.orthonormal,
            return_complex=True,
        )
        spectra = spectra.view(batch, channels, *spectra.shape[1:]).permute(0, 2, 3, 1)
        return torch.view_as_real(spectra).flatten(3)

    def audio(self, x: torch.Tensor, channels: int, samples: int) -> torch.Tensor:
        """Undo `of` for several stems.

        Parameters
        ----------
        x : Tensor, shape (batch, bins, frames, stems · channels · 2)
        channels, samples : int
            Of the audio.

        Returns
        -------
        Tensor, shape (batch, stems, channels, samples)
        """
        numbers = x.reshape(*x.shape[:3], -1, channels, 2)
        spectra = torch.view_as_complex(numbers).permute(0, 3, 4, 1, 2)
        audio = torch.istft(
            spectra.flatten(0, 2),
            self.n_fft,
            self.hop,
            window=torch.ones(self.n_fft, device=x.device),
            normalized=self.orthonormal,
        )
        return audio.view(*spectra.shape[:3], -1)[..., :samples]
