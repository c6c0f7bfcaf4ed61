"""Integrated loudness: the standard's own numbers, and FFmpeg's meter."""

from __future__ import annotations

import math

import av
import numpy as np
import pytest

from unmixcli.signal.loudness import coefficients, loudness_of


def sine(rate: int, seconds: float = 3, level: float = 0, hertz: float = 997) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (10 ** (level / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def programme(rate: int) -> np.ndarray:
    """Loud and soft parts, rumble and hiss: what the gates and the weighting are for."""
    random = np.random.default_rng(4)
    level = np.repeat(random.random(24) ** 3, rate // 2)
    noise = random.standard_normal((2, len(level)))
    return (0.2 * level * (noise + 0.05 * np.cumsum(noise, axis=1))).astype(np.float32)


def by_ffmpeg(audio: np.ndarray, rate: int) -> float:
    graph = av.filter.Graph()
    layout = "mono" if len(audio) == 1 else "stereo"
    source = graph.add_abuffer(
        sample_rate=rate, format="fltp", layout=layout, time_base=f"1/{rate}"
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    found = math.nan
    for first in range(0, audio.shape[1], 4096):
        part = np.ascontiguousarray(audio[:, first : first + 4096])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, first
        source.push(frame)
        while True:
            try:
                found = float(sink.pull().metadata["lavfi.r128.I"])
            except (av.BlockingIOError, av.EOFError):
                break
    return found


def test_the_filters_at_48_khz_are_the_standards() -> None:
    (above, below), (high, low) = coefficients(48000)
    np.testing.assert_allclose(above, [1.53512485958697, -2.69169618940638, 1.19839281085285])
    np.testing.assert_allclose(below, [1, -1.69065929318241, 0.73248077421585])
    np.testing.assert_allclose(high, [1, -2, 1])
    np.testing.assert_allclose(low, [1, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("rate", [11025, 44100, 48000, 192000])
def test_a_sine_of_full_scale(rate: int) -> None:
    """Once in one channel: -3.01 LUFS; in two: 3 more."""
    assert loudness_of([sine(rate)[None]], rate) == pytest.approx(-3.01, abs=0.05)
    both = np.stack([sine(rate, level=-23)] * 2)
    assert loudness_of([both], rate) == pytest.approx(-23, abs=0.05)


def test_silence_around_it_does_not_count() -> None:
    """EBU Tech 3341, case 3: the gates leave the soft ends out."""
    parts = [sine(48000, 10, -36), sine(48000, 60, -23), sine(48000, 10, -36)]
    found = loudness_of((np.stack([part, part]) for part in parts), 48000)
    assert found == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_as_ffmpeg_measures_it(rate: int) -> None:
    audio = programme(rate)
    blocks = np.array_split(audio, 17, axis=1)
    assert loudness_of(blocks, rate) == pytest.approx(by_ffmpeg(audio, rate), abs=0.02)
    assert loudness_of(blocks, rate) == pytest.approx(loudness_of([audio], rate), abs=1e-9)


def test_nothing_to_measure() -> None:
    assert loudness_of([np.zeros((2, 48000), np.float32)], 48000) == -math.inf
    assert loudness_of([sine(48000, 0.39)[None]], 48000) == -math.inf
    assert loudness_of([], 48000) == -math.inf
