"""Harmonic/percussive separation by median filtering, on a stream.

A steady tone is a horizontal line in a spectrogram, a drum hit a vertical one.
A median filter along time keeps the first and removes the second, one along
frequency does the reverse, and the ratio of the two makes the masks.

D. FitzGerald, "Harmonic/percussive separation using median filtering",
Proc. 13th Int. Conf. on Digital Audio Effects (DAFx-10), 2010.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from scipy.fft import irfft, rfft
from scipy.ndimage import median_filter

FRAME, HOP = 4096, 1024
WINDOW = np.hanning(FRAME + 1)[:-1].astype(np.float32)
BATCH = 128  # frames filtered at once


class HarmonicPercussive:
    """The model: a stream of the mixture in, a stream of the stems out."""

    sample_rate = 44100
    channels = None  # one and two both work

    def __init__(self, targets):
        self.targets = tuple(targets)

    def separate(self, mixture, request, progress):
        """Yield blocks (stems, channels, samples) that add up to the mixture's length."""
        options = request.options
        tail = np.zeros((len(self.targets), mixture.channels, FRAME - HOP), np.float32)
        lead, left = FRAME - HOP, mixture.length
        for frames, first, last in with_context(spectra(mixture), options.kernel // 2):
            masks = self._masks(np.abs(frames), options)[:, :, first:last]
            waves = irfft(masks * frames[:, first:last]) * (WINDOW / 1.5)
            ready = (last - first) * HOP
            out = np.zeros((*tail.shape[:2], ready + FRAME - HOP), np.float32)
            out[..., : FRAME - HOP] = tail
            for index in range(last - first):
                out[..., index * HOP : index * HOP + FRAME] += waves[:, :, index]
            tail = out[..., ready:]
            # Leave out what overlaps the silence before the start.
            block = out[..., min(lead, ready) : ready][..., :left]
            lead -= min(lead, ready)
            left -= block.shape[-1]
            progress("separating", 1 - left / max(mixture.length, 1))
            if block.shape[-1]:
                yield block

    def _masks(self, magnitude, options):
        """Return masks of shape (targets, channels, frames, bins)."""
        harmonic = median_filter(magnitude, (1, options.kernel, 1)) ** options.power
        percussive = median_filter(magnitude, (1, 1, options.kernel)) ** options.power
        share = harmonic / np.maximum(harmonic + percussive, 1e-20)
        masks = {"harmonic": share, "percussive": 1 - share}
        return np.stack([masks[target] for target in self.targets])


def spectra(mixture) -> Iterator[np.ndarray]:
    """Yield the STFT as (channels, frames, bins), some frames at a time."""
    silence = np.zeros((mixture.channels, FRAME), np.float32)
    buffer = silence[:, : FRAME - HOP]  # so that the first sample is in as many frames as any
    for block in chain(mixture.blocks(), [silence]):
        buffer = np.concatenate([buffer, block], axis=1)
        if buffer.shape[1] >= FRAME:
            frames = np.lib.stride_tricks.sliding_window_view(buffer, FRAME, axis=1)[:, ::HOP]
            yield rfft(frames * WINDOW)
            buffer = buffer[:, frames.shape[1] * HOP :]


def with_context(chunks, context) -> Iterator[tuple[np.ndarray, int, int]]:
    """Join chunks so that every frame sees its neighbours on both sides.

    Yields (frames, first, last): frames first to last are new, the others context.
    """
    held, first = next(chunks), 0
    for chunk in chunks:
        held = np.concatenate([held, chunk], axis=1)
        last = held.shape[1] - context
        if last - first >= BATCH:
            yield held, first, last
            seen = max(0, last - context)
            held, first = held[:, seen:], last - seen
    yield held, first, held.shape[1]
