"""Stems that are made to add up to the mixture."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import istft, stft

from streams import ArrayMixture, noise
from streams import cut_evenly as blocks
from unmixcli.signal.closing import Gap, put_onto, spread


def example(count, channels, length):
    stems = np.stack([noise(length, channels, k) for k in range(count)])
    mixture = stems.sum(0) + 0.1 * noise(length, channels, 99)
    return stems, mixture.astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(2, 4),
    channels=st.integers(1, 2),
    length=st.integers(1, 60_000),
    sizes=st.tuples(st.integers(300, 40_000), st.integers(300, 40_000)),
)
def test_they_add_up_and_the_gap_is_measured(count, channels, length, sizes):
    stems, mixture = example(count, channels, length)
    expected = 10 * np.log10(
        np.square(mixture - stems.sum(0, dtype=np.float64)).sum()
        / np.square(mixture, dtype=np.float64).sum()
    )
    for method in (spread, put_onto):
        gap = Gap()
        more = length if method is spread else 1
        parts = method(blocks(stems, sizes[0]), blocks(mixture, sizes[1]), more, gap)
        closed = np.concatenate(list(parts), -1)
        assert closed.dtype == np.float32 and closed.shape == stems.shape
        assert np.abs(closed.sum(0, dtype=np.float64) - mixture).max() < 1e-6
        assert gap.decibels == pytest.approx(expected, abs=1e-3)
        if method is put_onto:
            assert np.array_equal(np.delete(closed, 1, 0), np.delete(stems, 1, 0))


def test_each_gets_its_share_in_each_bin():
    length = 50_000
    stems, mixture = example(3, 1, length)
    left = mixture - stems.sum(0)
    how = {"nperseg": 4096, "noverlap": 3072, "window": "hann", "boundary": "even"}
    spectra = stft(stems, **how)[2]
    energy = np.abs(spectra) ** 2
    parts = istft(energy / energy.sum(0) * stft(left, **how)[2], **{**how, "boundary": True})[1]
    closed = np.concatenate(
        list(spread(blocks(stems, 7000), blocks(mixture, 9000), length, Gap())), -1
    )
    # SciPy ends its frames differently, so the ends are left out.
    inner = slice(4096, length - 8192)
    assert np.abs(closed - stems - parts[..., :length])[..., inner].max() < 1e-6


def test_stems_that_add_up_are_left_alone():
    stems = np.stack([noise(20_000, 2, k) for k in range(2)])
    mixture = stems[0] + stems[1]
    gap = Gap()
    closed = list(spread(blocks(stems, 3000), blocks(mixture, 3000), 20_000, gap))
    assert np.abs(np.concatenate(closed, -1) - stems).max() < 1e-7
    assert gap.decibels is None or gap.decibels < -140


def test_silence_has_no_gap():
    gap = Gap()
    zeros = np.zeros((2, 1, 9000), np.float32)
    closed = np.concatenate(
        list(spread(blocks(zeros, 1000), blocks(zeros[0], 1000), 9000, gap)), -1
    )
    assert not closed.any() and gap.decibels is None
    music = noise(9000, 1)
    closed = np.concatenate(list(spread(blocks(zeros, 1000), blocks(music, 1000), 9000, gap)), -1)
    assert np.abs(closed - music / 2).max() < 1e-6 and gap.decibels == pytest.approx(0)


def test_memory_does_not_grow_with_the_track():
    def peak(length):
        mixture = ArrayMixture(noise(length, 1), 10_000)
        stems = (np.stack([b, 0.5 * b]) for b in mixture.blocks())
        tracemalloc.start()
        for _ in spread(stems, mixture.blocks(), length, Gap()):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(50_000)
    assert peak(2_400_000) <= 1.15 * peak(300_000)
