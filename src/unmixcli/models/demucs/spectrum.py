"""Spectrograms as Demucs pads and cuts them: as many frames as hops of audio.

Frames of ``nfft`` samples with a hop of a quarter of that, a periodic Hann
window and unitary scaling. The signal is extended, by reflection, so that
frame k is centred half a hop after sample k·hop, and the row of the Nyquist
frequency is left out: rows and frames are then powers of two of the audio, and
both branches of the network divide them alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

HANN_SQUARED = 1.5
"""What four periodic Hann windows, squared and a quarter apart, add up to."""


def spectrogram(audio: Tensor, nfft: int) -> Tensor:
    """Compute the spectrogram.

    Parameters
    ----------
    audio : Tensor, shape (batch, channels, samples)
    nfft : int
        Samples of a frame, a multiple of 8.

    Returns
    -------
    Tensor, shape (batch, 2 * channels, nfft / 2, frames)
        Real part and imaginary part of each channel in turn; a frame for each
        hop of samples begun.
    """
    hop = nfft // 4
    length = audio.shape[-1]
    frames = -(-length // hop)
    side = hop // 2 * 3
    padded = _reflect(audio, side, side + frames * hop - length)
    batch, channels = audio.shape[:2]
    window = torch.hann_window(nfft, dtype=audio.dtype, device=audio.device)
    # Every frame lies inside of the padded signal, so nothing is left to centring.
    spectrum = torch.stft(
        padded.flatten(0, 1), nfft, hop, window=window, center=False, normalized=True,
        return_complex=True,
    )[:, :-1]  # fmt: skip
    parts = torch.view_as_real(spectrum).movedim(-1, 1)
    return parts.reshape(batch, 2 * channels, nfft // 2, frames)


def waveform(spectrum: Tensor, length: int) -> Tensor:
    """Compute the audio of spectrograms; the inverse of `spectrogram`.

    Parameters
    ----------
    spectrum : Tensor, shape (..., 2, rows, frames)
        Real and imaginary part.
    length : int
        Samples wanted.

    Returns
    -------
    Tensor, shape (..., length)
    """
    *others, _, rows, frames = spectrum.shape
    nfft, hop = 2 * rows, rows // 2
    real, imaginary = spectrum.transpose(-1, -2).flatten(0, -4).unbind(1)
    bins = torch.complex(real, imaginary)
    window = torch.hann_window(nfft, dtype=spectrum.dtype, device=spectrum.device)
    # The row of the Nyquist frequency, which is not there, counts as zeros.
    pieces = torch.fft.irfft(bins, nfft, norm="ortho") * (window / HANN_SQUARED)
    # Each frame is four hops long: they are added up one quarter at a time.
    quarters = pieces.unflatten(-1, (4, hop))
    audio = pieces.new_zeros(pieces.shape[0], frames + 3, hop)
    for k in range(4):
        audio[:, k : k + frames] += quarters[:, :, k]
    side = hop // 2 * 3
    kept: Tensor = audio.flatten(1)[:, side : side + length]
    return kept.view(*others, length)


def _reflect(audio: Tensor, left: int, right: int) -> Tensor:
    """Extend by reflection; a signal that is too short gets zeros first, to the right if it can."""
    lacking = max(left, right) + 1 - audio.shape[-1]
    if lacking > 0:
        zeros_right = min(right, lacking)
        zeros_left = lacking - zeros_right
        audio = F.pad(audio, (zeros_left, zeros_right))
        left, right = left - zeros_left, right - zeros_right
    return F.pad(audio, (left, right), mode="reflect")
