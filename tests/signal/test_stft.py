"""The transform and its inverse: against torch's own, whole and in blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import cut_evenly, noise
from unmixcli.signal.stft import Framing, OverlapAdd, block_sizes, frame_blocks, overlap_add, stft

SMALL = Framing(64, 16)


def spectra(signal: np.ndarray, framing: Framing, blocks: list[int], size: int) -> torch.Tensor:
    sizes = block_sizes(framing.frames(signal.shape[-1]), size)
    parts = [
        stft(torch.from_numpy(stretch), framing)
        for _, stretch in frame_blocks(
            cut_evenly(signal, *blocks), signal.shape[-1], framing, sizes
        )
    ]
    return torch.cat(parts, -2)


@pytest.mark.parametrize("length", [2049, 5000, 44100, 65536])
def test_spectrum_is_that_of_torch(length: int) -> None:
    framing = Framing()
    signal = noise(length)
    expected = torch.stft(
        torch.from_numpy(signal),
        framing.n_fft,
        framing.hop,
        window=torch.hann_window(framing.n_fft),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).transpose(1, 2)
    found = spectra(signal, framing, [1000, 3], 7)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@given(
    length=st.integers(1, 700),
    channels=st.integers(1, 3),
    blocks=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    size=st.integers(1, 50),
    framing=st.sampled_from([SMALL, Framing(64, 32), Framing(60, 25), Framing(64, 8)]),
)
@settings(deadline=None, max_examples=60)
def test_inverse_gives_the_input_back(
    length: int, channels: int, blocks: list[int], size: int, framing: Framing
) -> None:
    signal = noise(length, channels, seed=length)
    joined = OverlapAdd(framing, length)
    out = []
    sizes = block_sizes(framing.frames(length), size)
    for _, stretch in frame_blocks(cut_evenly(signal, *blocks), length, framing, sizes):
        spectrum = stft(torch.from_numpy(stretch), framing)
        out.append(joined.push(overlap_add(spectrum, framing).numpy()))
    found = np.concatenate(out, -1)
    assert found.shape == signal.shape
    # At the very ends of widely spaced frames the window is close to zero.
    tolerance = 1e-6 if 4 * framing.hop <= framing.n_fft else 1e-5
    np.testing.assert_allclose(found, signal, rtol=0, atol=tolerance)


@given(
    length=st.integers(33, 900),
    blocks=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    size=st.integers(1, 30),
)
@settings(deadline=None, max_examples=40)
def test_inverse_of_any_spectrum_is_that_of_torch(
    length: int, blocks: list[int], size: int
) -> None:
    """Not only of a consistent spectrum: the normalisation at the ends must be the same."""
    spectrum = spectra(noise(length, 1), SMALL, blocks, size)[0]
    spectrum = spectrum * torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(1))
    expected = torch.istft(
        spectrum.T, 64, 16, window=torch.hann_window(64), center=True, length=length
    )
    joined = OverlapAdd(SMALL, length)
    parts = [
        joined.push(overlap_add(part, SMALL).numpy())
        for part in spectrum.split(block_sizes(spectrum.shape[0], size))
    ]
    np.testing.assert_allclose(np.concatenate(parts, -1), expected, rtol=0, atol=2e-6)


@given(frames=st.integers(1, 500), size=st.integers(1, 60), window=st.integers(0, 90))
def test_no_block_crosses_a_window(frames: int, size: int, window: int) -> None:
    sizes = block_sizes(frames, size, window)
    assert sum(sizes) == frames
    assert 0 < max(sizes) <= size
    first = 0
    for block in sizes:
        if window:
            assert first // window == (first + block - 1) // window
        first += block


def test_a_stream_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends after 500 samples"):
        list(frame_blocks([noise(500, 1)], 900, SMALL, block_sizes(SMALL.frames(900), 10)))
