"""The short-time Fourier transform and its inverse, for whole signals and for blocks.

A stream of audio is extended by reflection, cut into stretches that overlap by
``n_fft - hop`` samples, transformed, and joined again by overlap-add. The result
does not depend on the sizes of the blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..audio.blocks import BlockReader, reflect

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Framing:
    """How a signal is cut into frames: centred, with a periodic Hann window.

    Parameters
    ----------
    n_fft : int
        Samples in a frame, even.
    hop : int
        Samples from one frame to the next, at most ``n_fft // 2``.

    Examples
    --------
    >>> framing = Framing(n_fft=4096, hop=1024)
    >>> framing.bins, framing.frames(44100), framing.samples(2)
    (2049, 44, 5120)
    """

    n_fft: int = 4096
    hop: int = 1024

    @property
    def bins(self) -> int:
        """Bins of the one-sided spectrum."""
        return self.n_fft // 2 + 1

    @property
    def pad(self) -> int:
        """Samples by which the signal is extended at each end."""
        return self.n_fft // 2

    @property
    def overlap(self) -> int:
        """Length of a frame in hops, rounded up."""
        return -(-self.n_fft // self.hop)

    def extended_length(self, length: int) -> int:
        """Return the length of a signal, after zeros were added if it is too short to reflect."""
        return max(length, self.pad + 1)

    def frames(self, length: int) -> int:
        """Return the number of frames of a signal of `length` samples."""
        return 1 + self.extended_length(length) // self.hop

    def samples(self, frames: int) -> int:
        """Return the number of samples that consecutive frames cover."""
        return (frames - 1) * self.hop + self.n_fft


def _extend(blocks: Iterable[Audio], length: int, framing: Framing) -> Iterator[Audio]:
    """Extend a stream by reflection at both ends; add zeros first if it is too short."""
    extended = framing.extended_length(length)
    return reflect(_followed_by_zeros(blocks, extended - length), extended, framing.pad)


def _followed_by_zeros(blocks: Iterable[Audio], count: int) -> Iterator[Audio]:
    block: Audio | None = None
    for block in blocks:
        yield block
    if block is not None and count:
        yield np.zeros((*block.shape[:-1], count), np.float32)


def block_sizes(frames: int, size: int, window: int = 0) -> list[int]:
    """Divide frames into blocks of at most `size` that do not cross the end of a window.

    Parameters
    ----------
    frames : int
    size : int
    window : int
        Frames in a window; 0 for one window over all frames.

    Returns
    -------
    list of int
        Number of frames of each block, in order.

    Examples
    --------
    >>> block_sizes(10, 4)
    [4, 4, 2]
    >>> block_sizes(10, 4, window=5)
    [4, 1, 4, 1]
    """
    window = window or frames
    ends = (min(start + window, frames) for start in range(0, frames, window))
    return [
        min(size, end - first)
        for start, end in zip(range(0, frames, window), ends, strict=True)
        for first in range(start, end, size)
    ]


def frame_blocks(
    blocks: Iterable[Audio],
    length: int,
    framing: Framing,
    sizes: Iterable[int],
    context: int = 0,
) -> Iterator[tuple[int, Audio]]:
    """Cut a stream of audio into stretches with the given numbers of frames.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (channels, samples)
        The signal, in blocks of any length.
    length : int
        Number of samples in all blocks together, at least 1.
    framing : Framing
    sizes : iterable of int
        Frames of each stretch; together at most ``framing.frames(length)``.
    context : int
        Frames that each stretch has in addition on either side, if the signal has them.

    Yields
    ------
    first : int
        Index of the stretch's first frame, its context left out.
    stretch : ndarray, shape (channels, framing.samples(frames))
        The input of `stft` for those frames. Stretches overlap by
        ``n_fft - hop`` samples and the context, so each can be transformed by itself.

    Raises
    ------
    ValueError
        If the blocks end before ``length``.
    """
    reader = BlockReader(_extend(blocks, length, framing))
    total = framing.frames(length)
    first = 0
    for frames in sizes:
        begin = max(0, first - context)
        end = min(first + frames + context, total)
        start = begin * framing.hop
        stretch = reader.read(start, start + framing.samples(end - begin))
        yield first, np.ascontiguousarray(stretch)
        first += frames


@functools.cache
def _analysis_window(n_fft: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.hann_window(n_fft, periodic=True, dtype=dtype, device=device)


@functools.cache
def _synthesis_window(framing: Framing, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return the window divided by the sum of squared windows (away from the ends).

    That sum repeats every hop, so dividing the window by it normalises the
    overlap-add of any block without another pass.
    """
    window = torch.hann_window(framing.n_fft, periodic=True, dtype=torch.float64)
    padded = torch.zeros(framing.overlap * framing.hop, dtype=torch.float64)
    padded[: framing.n_fft] = window
    envelope = padded.view(framing.overlap, framing.hop).square().sum(0)
    return (padded / envelope.repeat(framing.overlap)).to(device, dtype)


def stft(stretch: torch.Tensor, framing: Framing) -> torch.Tensor:
    """Transform consecutive frames.

    Parameters
    ----------
    stretch : Tensor, shape (..., samples), float32 or float64
        The signal, already extended at its ends; a frame starts at every hop.
    framing : Framing

    Returns
    -------
    Tensor, shape (..., frames, bins), complex64 or complex128
        Not normalised.

    Examples
    --------
    >>> stft(torch.zeros(2, 5120), Framing(4096, 1024)).shape
    torch.Size([2, 2, 2049])
    """
    frames = stretch.unfold(-1, framing.n_fft, framing.hop)
    window = _analysis_window(framing.n_fft, stretch.device, stretch.dtype)
    spectra: torch.Tensor = torch.fft.rfft(frames * window)
    return spectra


def magnitude_of(spectra: torch.Tensor) -> torch.Tensor:
    """Return the magnitude of complex64 spectra, several times faster than ``abs``.

    ``abs`` guards against overflow near the limits of float32, which spectra of
    audio never reach.

    Examples
    --------
    >>> magnitude_of(torch.tensor([3 + 4j, -1j]))
    tensor([5., 1.])
    """
    real, imag = spectra.real.contiguous(), spectra.imag.contiguous()
    return real.square().addcmul_(imag, imag).sqrt_()


def overlap_add(spectra: torch.Tensor, framing: Framing) -> torch.Tensor:
    """Transform frames back and add up their overlapping samples.

    Parameters
    ----------
    spectra : Tensor, shape (..., frames, bins), complex64 or complex128
    framing : Framing

    Returns
    -------
    Tensor, shape (..., (frames - 1 + framing.overlap) * hop), float32 or float64
        Normalised as if more frames followed at both ends. The outer samples
        still lack the neighbouring frames, which `OverlapAdd` adds.
    """
    dtype = spectra.real.dtype
    window = _synthesis_window(framing, spectra.device, dtype)
    count = spectra.shape[-2]
    hops = spectra.new_zeros(
        (*spectra.shape[:-2], count + framing.overlap - 1, framing.hop), dtype=dtype
    )
    # One leading index at a time: the frames of one stem and channel stay in
    # cache and reuse the memory of the previous one.
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
    """Joins the results of `overlap_add` on consecutive blocks of frames.

    Parameters
    ----------
    framing : Framing
    length : int
        Number of samples of the signal that the frames were cut from.

    Examples
    --------
    Blocks of two frames give the samples of the whole signal back:

    >>> framing, signal = Framing(n_fft=8, hop=2), np.arange(20, dtype=np.float32)[None]
    >>> joined = OverlapAdd(framing, 20)
    >>> parts = []
    >>> for _, stretch in frame_blocks([signal], 20, framing, block_sizes(11, 2)):
    ...     spectrum = stft(torch.from_numpy(stretch), framing)
    ...     parts.append(joined.push(overlap_add(spectrum, framing).numpy()))
    >>> bool(np.allclose(np.concatenate(parts, axis=-1), signal, atol=1e-5))
    True
    """

    def __init__(self, framing: Framing, length: int) -> None:
        self._framing = framing
        self._length = length
        self._frames = framing.frames(length)
        self._next_frame = 0
        self._written = 0
        self._tail: Audio | None = None

    def push(self, segment: Audio) -> Audio:
        """Add the segment of the next frames and return the samples that are now final.

        Parameters
        ----------
        segment : ndarray, shape (..., samples)
            Overwritten.

        Returns
        -------
        ndarray, shape (..., samples)
            Exactly `length` samples over all calls.
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
        """Correct the normalisation near the signal's ends, where frames are missing."""
        framing = self._framing
        reach = (framing.overlap - 1) * framing.hop
        total = (self._frames - 1 + framing.overlap) * framing.hop
        ends = [(0, reach), (max(reach, total - reach), total)]  # they meet in a short signal
        for start, end in ends:
            first, last = max(start, offset), min(end, offset + block.shape[-1])
            if first < last:
                factor = _end_correction(framing, self._frames, first, last)
                block[..., first - offset : last - offset] *= factor


def _end_correction(framing: Framing, frames: int, first: int, last: int) -> Audio:
    """Return the full sum of squared windows divided by the sum of the existing ones."""
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
    # Samples that (almost) no frame covers lie in the extension and are dropped.
    return np.where(real > 1e-11, full / np.maximum(real, 1e-11), 0).astype(np.float32)
