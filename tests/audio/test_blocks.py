"""Streams that are read by position, extended and cropped, compared with whole arrays."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import Audio, cut
from unmixcli.audio.blocks import BlockReader, crop, reflect


def ramp(length: int) -> Audio:
    return np.arange(2 * length, dtype=np.float32).reshape(2, length)


sizes = st.lists(st.integers(0, 40), max_size=30)


@given(sizes, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), min_size=1, max_size=20))
def test_a_reader_gives_what_a_slice_gives(sizes: list[int], steps: list[tuple[int, int]]) -> None:
    audio = ramp(2000)
    reader, first = BlockReader(cut(audio, sizes)), 0
    for step, count in steps:
        first += step  # may leave out samples, or read some again
        assert np.array_equal(reader.read(first, first + count), audio[:, first : first + count])


def test_a_reader_says_when_a_stream_is_too_short_or_read_backwards() -> None:
    reader = BlockReader(cut(ramp(100), [30, 30]))
    with pytest.raises(ValueError, match="ends after 100 samples, before 101"):
        reader.read(90, 101)
    reader = BlockReader(cut(ramp(100), []))
    reader.read(50, 60)
    for first, end in ((49, 60), (60, 60)):
        with pytest.raises(ValueError, match="which is at 50"):
            reader.read(first, end)


def test_a_reader_takes_no_more_of_a_stream_than_it_needs() -> None:
    taken = []

    def blocks() -> Iterator[Audio]:
        for k in range(10):
            taken.append(k)
            yield ramp(10)

    reader = BlockReader(blocks())
    reader.read(5, 20)
    assert taken == [0, 1]
    reader.read(15, 21)
    assert taken == [0, 1, 2]


def test_a_reader_says_how_far_a_read_needs_no_copy() -> None:
    audio = ramp(100)
    reader = BlockReader(cut(audio, [30, 30]))
    assert reader.ready(0) == 30
    assert np.shares_memory(reader.read(0, 30), audio)
    assert reader.ready(10) == 30
    assert reader.ready(30) == 60
    assert np.shares_memory(reader.read(59, 60), audio)
    with pytest.raises(ValueError, match="ends after 100 samples"):
        reader.ready(100)


@given(sizes, st.integers(0, 99), st.integers(1, 300))
def test_reflection(sizes: list[int], border: int, more: int) -> None:
    audio = ramp(border + more)
    found = np.concatenate(list(reflect(cut(audio, sizes), border + more, border)), -1)
    assert np.array_equal(found, np.pad(audio, ((0, 0), (border, border)), mode="reflect"))


@pytest.mark.parametrize("length", [131_073, 200_000])
@pytest.mark.parametrize("border", [1, 1000, 65536, 70_000, 131_072])
def test_reflection_of_a_long_stream(length: int, border: int) -> None:
    audio = ramp(length)
    found = np.concatenate(list(reflect(cut(audio, [1000] * 99), length, border)), -1)
    assert np.array_equal(found, np.pad(audio, ((0, 0), (border, border)), mode="reflect"))


@given(sizes, st.integers(0, 300), st.integers(0, 300))
def test_cropping(sizes: list[int], first: int, count: int) -> None:
    audio = ramp(300)
    end = min(300, first + count)
    found = list(crop(cut(audio, sizes), first, end))
    assert all(block.shape[-1] for block in found)
    expected = audio[:, first:end]
    assert np.array_equal(np.concatenate([audio[:, :0], *found], -1), expected)


def test_memory_does_not_grow_with_the_stream() -> None:
    def peak(count: int) -> int:
        blocks = (ramp(1000) for _ in range(count))
        length, border = 1000 * count, 5000
        tracemalloc.start()
        reader = BlockReader(crop(reflect(blocks, length, border), border, length))
        for first in range(0, length - border - 2000, 500):
            reader.read(first, first + 2000)
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    assert peak(3000) < 1.1 * peak(300)
