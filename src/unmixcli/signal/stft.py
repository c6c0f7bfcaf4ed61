"""The short-time Fourier transform, its inverse, and both in blocks.

A stream of audio is extended by reflection, cut into stretches that overlap by
``n_fft - hop`` samples, transformed, and put together again by overlap-add.
Whatever the sizes of the blocks, the numbers are those of the whole signal.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Audio = NDArray[np.float32]

_MISSING: Audio = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Framing:
    """How a signal is cut into frames: centred, with a periodic Hann window.

    Parameters
    ----------
    n_fft : int
        Samples in a frame, even.
    hop : int
        Samples from one frame to the next, at most ``n_fft // 2``.
    """

    n_fft: int = 4096
    hop: int = 1024

    @property
    def bins(self) -> int:
        """Bins of the one-sided spectrum."""
        return self.n_fft // 2 + 1

    @property
    def pad(self) -> int:
        """Samples that the signal is extended by at either end."""
        return self.n_fft // 2

    @property
    def overlap(self) -> int:
        """Hops that a frame reaches into, counted from its start and rounded up."""
        return -(-self.n_fft // self.hop)

    def extended_length(self, length: int) -> int:
        """Return the length after zeros were added to a signal too short to reflect."""
        return max(length, self.pad + 1)

    def frames(self, length: int) -> int:
        """Return the number of frames of a signal of `length` samples."""
        return 1 + self.extended_length(length) // self.hop

    def samples(self, frames: int) -> int:
        """Return the samples that consecutive frames cover."""
        return (frames - 1) * self.hop + self.n_fft


def _extend(blocks: Iterable[Audio], framing: Framing) -> Iterator[Audio]:
    """Extend a stream by reflection at both ends, after zeros where it is too short."""
    pad = framing.pad
    head: list[Audio] = []
    held = 0
    tail: Audio | None = None
    for block in blocks:
        if tail is None:
            head.append(block)
            held += block.shape[-1]
            if held <= pad:
                continue
            whole = np.concatenate(head, axis=-1)
            yield whole[:, pad:0:-1]
            yield whole
            tail = whole[:, -pad - 1 :]
            continue
        yield block
        tail = np.concatenate([tail, block[:, -pad - 1 :]], axis=-1)[:, -pad - 1 :]
    if tail is None:
        if not head:
            return
        whole = np.concatenate(head, axis=-1)
        whole = np.pad(whole, ((0, 0), (0, framing.extended_length(held) - held)))
        yield whole[:, pad:0:-1]
        yield whole
        tail = whole[:, -pad - 1 :]
    yield tail[:, -2::-1]


def block_sizes(frames: int, size: int, window: int = 0) -> list[int]:
    """Divide frames into blocks of at most `size`, none reaching over the end of a window.

    Parameters
    ----------
    frames : int
    size : int
    window : int
        Frames in a window; 0 for one window over all frames.

    Returns
    -------
    list of int
        Frames of each block in turn.
    """
    window = window or frames
    ends = (min(start + window, frames) for start in range(0, frames, window))
    return [
        min(size, end - first)
        for start, end in zip(range(0, frames, window), ends, strict=True)
        for first in range(start, end, size)
    ]


def frame_blocks(
    blocks: Iterable[Audio], framing: Framing, sizes: Sequence[int], context: int = 0
) -> Iterator[tuple[int, Audio]]:
    """Cut a stream of audio into stretches that hold given numbers of whole frames.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (channels, samples)
        The signal, in blocks of any length.
    framing : Framing
    sizes : sequence of int
        Frames of each stretch; together `framing.frames` of the signal's length.
    context : int
        Frames that each stretch has besides, before and after its own, as far as there are any.

    Yields
    ------
    first : int
        Index of the stretch's first frame, its context left out.
    stretch : ndarray, shape (channels, framing.samples(frames))
        What `stft` turns into those frames. Stretches overlap by
        ``n_fft - hop`` samples and the context, so each can be transformed by itself.
    """
    extended = _extend(blocks, framing)
    pending: list[Audio] = []
    held = 0
    total = sum(sizes)
    first = begin = 0
    for frames in sizes:
        wanted = framing.samples(min(first + frames + context, total) - begin)
        while held < wanted:
            pending.append(next(extended, _MISSING))
            if pending[-1] is _MISSING:
                raise ValueError("the blocks end before the frames that were asked for")
            held += pending[-1].shape[-1]
        joined = pending[0] if len(pending) == 1 else np.concatenate(pending, axis=-1)
        yield first, np.ascontiguousarray(joined[:, :wanted])
        first += frames
        following = max(0, first - context)
        pending = [joined[:, (following - begin) * framing.hop :]]
        held = pending[0].shape[-1]
        begin = following


@functools.cache
def _analysis_window(n_fft: int, device: torch.device) -> torch.Tensor:
    return torch.hann_window(n_fft, periodic=True, device=device)


@functools.cache
def _synthesis_window(framing: Framing, device: torch.device) -> torch.Tensor:
    """Return the window divided by what the squared windows add up to away from the ends.

    That sum repeats every hop, so dividing the window by it normalises the
    overlap-add of any block without another pass.
    """
    window = torch.hann_window(framing.n_fft, periodic=True, dtype=torch.float64)
    padded = torch.zeros(framing.overlap * framing.hop, dtype=torch.float64)
    padded[: framing.n_fft] = window
    envelope = padded.view(framing.overlap, framing.hop).square().sum(0)
    return (padded / envelope.repeat(framing.overlap)).float().to(device)


def stft(stretch: torch.Tensor, framing: Framing) -> torch.Tensor:
    """Transform consecutive frames.

    Parameters
    ----------
    stretch : Tensor, shape (..., samples), float32
        Signal already extended at its ends; a frame starts at every hop.
    framing : Framing

    Returns
    -------
    Tensor, shape (..., frames, bins), complex64
        Not normalised.
    """
    frames = stretch.unfold(-1, framing.n_fft, framing.hop)
    window = _analysis_window(framing.n_fft, stretch.device)
    spectra: torch.Tensor = torch.fft.rfft(frames * window)
    return spectra


def magnitude_of(spectra: torch.Tensor) -> torch.Tensor:
    """Return the magnitude of complex64 spectra, several times faster than ``abs``.

    ``abs`` guards against overflow near the limits of float32, which spectra
    of audio do not come near.
    """
    real, imag = spectra.real.contiguous(), spectra.imag.contiguous()
    return real.square().addcmul_(imag, imag).sqrt_()


def overlap_add(spectra: torch.Tensor, framing: Framing) -> torch.Tensor:
    """Transform frames back and add them up where they overlap.

    Parameters
    ----------
    spectra : Tensor, shape (..., frames, bins), complex64
    framing : Framing

    Returns
    -------
    Tensor, shape (..., (frames - 1 + framing.overlap) * hop), float32
        Normalised as if frames went on at both ends; what reaches over the
        ends still lacks the neighbouring frames, which `OverlapAdd` adds.
    """
    window = _synthesis_window(framing, spectra.device)
    count = spectra.shape[-2]
    hops = spectra.new_zeros(
        (*spectra.shape[:-2], count + framing.overlap - 1, framing.hop), dtype=torch.float32
    )
    # One leading index at a time: the frames of one stem and channel stay in
    # cache and reuse the memory of the one before.
    for spectrum, out in zip(
        spectra.reshape(-1, *spectra.shape[-2:]), hops.view(-1, *hops.shape[-2:]), strict=True
    ):
        frames = torch.fft.irfft(spectrum, n=framing.n_fft)
        for shift in range(framing.overlap):
            part = frames[:, shift * framing.hop : (shift + 1) * framing.hop]
            width = part.shape[-1]
            weight = window[shift * framing.hop : shift * framing.hop + width]
            out[shift : shift + count, :width].addcmul_(part, weight)
    return hops.flatten(-2)


class OverlapAdd:
    """Join the results of `overlap_add` on consecutive blocks of frames.

    Parameters
    ----------
    framing : Framing
    length : int
        Samples of the signal that the frames were taken from.
    """

    def __init__(self, framing: Framing, length: int) -> None:
        self._framing = framing
        self._length = length
        self._frames = framing.frames(length)
        self._next_frame = 0
        self._written = 0
        self._tail: Audio | None = None

    def push(self, segment: Audio) -> Audio:
        """Take the segment of the next frames and return the samples that are now final.

        Parameters
        ----------
        segment : ndarray, shape (..., samples)
            Overwritten.

        Returns
        -------
        ndarray, shape (..., samples)
            Over all calls exactly `length` samples.
        """
        framing = self._framing
        if self._tail is not None:
            segment[..., : self._tail.shape[-1]] += self._tail
        first = self._next_frame
        frames = segment.shape[-1] // framing.hop - framing.overlap + 1
        self._next_frame += frames
        last = self._next_frame == self._frames
        done = segment.shape[-1] if last else frames * framing.hop
        self._tail = None if last else segment[..., done:].copy()
        final = segment[..., :done]
        self._correct_ends(final, first * framing.hop)
        start = max(0, framing.pad - first * framing.hop)
        final = final[..., start:]
        final = final[..., : self._length - self._written]
        self._written += final.shape[-1]
        return final

    def _correct_ends(self, block: Audio, offset: int) -> None:
        """Undo, near the signal's ends, the normalisation by frames that do not exist."""
        framing = self._framing
        reach = (framing.overlap - 1) * framing.hop
        total = (self._frames - 1 + framing.overlap) * framing.hop
        ends = [(0, reach), (max(reach, total - reach), total)]  # of a short signal, they meet
        for start, end in ends:
            first, last = max(start, offset), min(end, offset + block.shape[-1])
            if first < last:
                factor = _end_correction(framing, self._frames, first, last)
                block[..., first - offset : last - offset] *= factor


def _end_correction(framing: Framing, frames: int, first: int, last: int) -> Audio:
    """Return the full sum of squared windows over the one that the frames really have."""
    window = torch.hann_window(framing.n_fft, periodic=True, dtype=torch.float64)
    square = window.square().numpy()
    position = np.arange(first, last)
    full = np.zeros(last - first)
    real = np.zeros(last - first)
    newest = position // framing.hop
    for back in range(framing.overlap):
        frame = newest - back
        inside = position - frame * framing.hop
        weight = np.where(inside < framing.n_fft, square[np.minimum(inside, framing.n_fft - 1)], 0)
        full += weight
        real += np.where((frame >= 0) & (frame < frames), weight, 0)
    # Where no frame reaches, and just beside, nothing is kept: it lies in the extension.
    return np.where(real > 1e-11, full / np.maximum(real, 1e-11), 0).astype(np.float32)
