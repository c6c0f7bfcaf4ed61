"""BS-RoFormer and Mel-Band RoFormer: from a mixture to the audio of its stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .bands import BandSplit, MaskEstimator
from .transformer import Trunk, compute_products_in


@dataclass(frozen=True)
class Transform:
    """How the spectrum is computed: a centred STFT with a periodic Hann window."""

    n_fft: int
    hop: int
    zero_dc: bool = False
    """Whether stems get no constant part: their bin at 0 Hz is set to zero."""


class Roformer(nn.Module):
    """A network that multiplies the mixture's spectrum by a complex mask for each stem.

    Parameters
    ----------
    transform : Transform
    split : BandSplit
    trunk : Trunk
    heads : sequence of MaskEstimator
        One for each stem.
    """

    window: Tensor

    def __init__(
        self,
        transform: Transform,
        split: BandSplit,
        trunk: Trunk,
        heads: Sequence[MaskEstimator],
    ) -> None:
        super().__init__()
        self._transform = transform
        self.split = split
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)
        self.register_buffer("window", torch.hann_window(transform.n_fft))

    def compute_in(self, dtype: torch.dtype) -> None:
        """Convert the weights of the large products; the split into bands stays float32."""
        compute_products_in(self.trunk, dtype)
        self.heads.to(dtype)

    def forward(self, segments: Tensor) -> Tensor:
        """Separate segments.

        Parameters
        ----------
        segments : Tensor, shape (batch, channels, samples), float32
            Of more than ``n_fft // 2`` samples.

        Returns
        -------
        Tensor, shape (batch, stems, channels, samples)
        """
        # One after the other: a segment alone fills every core, and a batch of
        # them would take the memory of a batch.
        return torch.stack([self._separate(segment) for segment in segments])

    def _separate(self, audio: Tensor) -> Tensor:
        """Separate one segment: (channels, samples) to (stems, channels, samples)."""
        transform = self._transform
        spectrum = torch.stft(
            audio,
            transform.n_fft,
            transform.hop,
            window=self.window,
            return_complex=True,
        )
        spectrum = spectrum.permute(2, 1, 0).contiguous()  # (frames, bins, channels)
        real = torch.view_as_real(spectrum)
        features = self.split(real)
        features = self.trunk(features)
        stems = []
        for head in self.heads:
            masks = torch.zeros_like(real)
            head(features, masks)
            masked = torch.view_as_complex(masks).mul_(spectrum)
            if transform.zero_dc:
                masked[:, 0] = 0
            stems.append(self._inverse(masked, audio.shape[-1]))
        return torch.stack(stems)

    def _inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        # The length is asked for, since a segment need not be a multiple of the hop.
        audio: Tensor = torch.istft(
            spectrum.permute(2, 1, 0),
            self._transform.n_fft,
            self._transform.hop,
            window=self.window,
            length=samples,
        )
        return audio
