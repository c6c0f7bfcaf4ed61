"""The driver of segment networks: passes, threads, memory, failures."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from segment_networks import Counted, model, run, start
from streams import ArrayMixture, Audio, ignore, noise
from unmixcli.errors import ModelError
from unmixcli.models.interface import Request
from unmixcli.models.segmented import ChunkScheme, CrossFadeScheme, Scheme, TriangleScheme
from unmixcli.models.segmented.statistics import measure

pytestmark = pytest.mark.usefixtures("two_threads")

SCHEMES = [
    TriangleScheme(100, reads=120),
    TriangleScheme(100, overlap=0.6),
    ChunkScheme(120),
    CrossFadeScheme(100, 30, 110),
]


# --- passes ------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_batches_and_threads_change_nothing(scheme: Scheme) -> None:
    alone = run(model(Counted()), scheme)
    for batch, at_once in ((3, 1), (1, 2), (2, 2), (100, 1)):
        network = Counted()
        found = run(model(network, batch=batch, at_once=at_once), scheme)
        np.testing.assert_allclose(found, alone, atol=1e-6)
        assert max(shape[0] for shape in network.shapes) > 1 or batch == 1
        assert all(shape[0] <= batch for shape in network.shapes)


def test_on_the_processor_a_pass_is_one_segment() -> None:
    network = Counted()
    run(model(network), TriangleScheme(100))
    assert {shape[0] for shape in network.shapes} == {1}
    assert network.most == 1


def test_segments_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)

    class Meeting(Counted):
        def estimate(self, segments: torch.Tensor) -> torch.Tensor:
            meeting.wait()  # breaks unless two are here
            return super().estimate(segments)

    network = Meeting()
    run(model(network, at_once=2), TriangleScheme(100, overlap=0), length=1000)
    assert len(network.shapes) == 10
    assert network.most == 2


def test_no_pass_is_spent_on_the_border_that_is_cut_off() -> None:
    network = Counted()
    run(model(network), ChunkScheme(100, 4), length=1000)
    # From 0 to below 1000 + 75, every 25; those up to 1150 estimate nothing that is kept.
    assert len(network.shapes) == 43


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_batch_that_does_not_fit_is_halved(scheme: Scheme) -> None:
    network = Counted(room=2)
    small = model(network, batch=9)
    np.testing.assert_allclose(run(small, scheme), run(model(Counted()), scheme), atol=1e-6)
    tried = [shape[0] for shape in network.shapes]
    assert max(tried) > 2
    assert sum(count > 2 for count in tried) <= 2
    network.shapes.clear()
    run(small, scheme)
    assert max(shape[0] for shape in network.shapes) == 2  # it learned


def test_a_segment_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"cpu has no memory for a segment of 0\.1 seconds; "):
        run(model(Counted(room=0), batch=4), TriangleScheme(800))


# --- what a network gives ----------------------------------------------------


def test_targets_and_their_order() -> None:
    every = run(model(Counted()), ChunkScheme(100))
    some = model(Counted(), {"c": 2, "a": 0})
    assert some.targets == ("c", "a")
    assert np.array_equal(run(some, ChunkScheme(100)), every[[2, 0]])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scheme", [ChunkScheme(120, 8), TriangleScheme(100)])
def test_half_precision_is_added_up_in_single(dtype: torch.dtype, scheme: Scheme) -> None:
    audio = noise(1000)
    middle = audio.mean(0, dtype=np.float64)
    mean, scale = (middle.mean(), middle.std(ddof=1)) if scheme.normalised else (0, 1)
    rounded = ((torch.from_numpy(audio) - mean) / scale).to(dtype).float() * scale + mean
    found = run(model(lambda segments: segments[:, None].to(dtype), {"a": 0}), scheme)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], rounded, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda segments: segments[:, None, :, :-1],
        lambda segments: segments,
        lambda segments: torch.stack([segments] * 2, 1),
    ],
)
def test_a_network_of_another_shape_is_refused(wrong: Any) -> None:
    with pytest.raises(ModelError, match="at least 3 stems"):
        run(model(wrong), ChunkScheme(100))


def test_silence_and_a_single_sample() -> None:
    for scheme in SCHEMES:
        for length in (1, 2, 1000):
            request = Request(scheme)
            mixture = ArrayMixture(np.zeros((2, length), np.float32))
            stems = np.concatenate(list(model(Counted()).separate(mixture, request, ignore)), -1)
            assert stems.shape == (3, 2, length)
            assert not stems.any()


@pytest.mark.parametrize("offset", [0, 1000])
def test_statistics(offset: float) -> None:
    audio = np.asarray(noise(200_001).astype(np.float64) + offset, np.float32)
    middle = audio.astype(np.float64).mean(0)
    mean, deviation = measure(ArrayMixture(audio, 4096), lambda _: None)
    np.testing.assert_allclose([mean, deviation], [middle.mean(), middle.std(ddof=1)], rtol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_progress(scheme: Scheme) -> None:
    told: list[tuple[str, float]] = []
    list(start(model(Counted()), scheme, progress=lambda *event: told.append(event)))
    assert {stage for stage, _ in told} == {"measuring", "separating"} - (
        set() if scheme.normalised else {"measuring"}
    )
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


# --- memory, ends and failures -----------------------------------------------


class LongMixture:
    """Noise of any length that is held nowhere."""

    sample_rate, channels = 8000, 2

    def __init__(self, length: int) -> None:
        self.length = length

    def blocks(self) -> Iterator[Audio]:
        block = noise(1000)
        for first in range(0, self.length, 1000):
            yield block[:, : self.length - first].copy()


@pytest.mark.parametrize(
    "scheme",
    [TriangleScheme(4000, reads=5000), ChunkScheme(4000, 4), CrossFadeScheme(4000, 1000)],
)
def test_a_track_is_never_held(scheme: Scheme) -> None:
    length = 1_500_000  # 12 MB, as is its one stem
    stems = model(Counted(), {"a": 0}, at_once=2).separate(
        LongMixture(length), Request(scheme), ignore
    )
    tracemalloc.start()
    assert sum(block.shape[-1] for block in stems) == length
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


class Slow(Counted):
    """Takes a moment; fails on a given call."""

    failing = 10**9

    def estimate(self, segments: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        if len(self.shapes) >= self.failing:
            raise ArithmeticError("in the middle")
        return super().estimate(segments)


@pytest.mark.parametrize("at_once", [1, 2])
def test_closing_leaves_nothing_running(at_once: int) -> None:
    network = Slow()
    stems = start(model(network, at_once=at_once), TriangleScheme(100), length=10_000)
    next(stems)
    stems.close()  # type: ignore[attr-defined]
    calls = len(network.shapes)
    assert network.running == 0
    assert calls <= 2 + 2 * at_once
    time.sleep(0.12)
    assert len(network.shapes) == calls


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_failure_ends_the_work_and_the_model_goes_on(at_once: int) -> None:
    network = Slow()
    network.failing = 4
    slow = model(network, at_once=at_once)
    with pytest.raises(ArithmeticError, match="in the middle"):
        list(start(slow, TriangleScheme(100), length=10_000))
    calls = len(network.shapes)
    assert network.running == 0
    assert calls <= 4 + 2 * at_once
    time.sleep(0.12)
    assert len(network.shapes) == calls
    network.failing = 10**9
    assert run(slow, TriangleScheme(100), length=300).shape == (3, 2, 300)


def test_a_failure_of_progress_or_of_the_mixture_ends_the_work() -> None:
    class Broken(LongMixture):
        def blocks(self) -> Iterator[Audio]:
            yield from islice(super().blocks(), 3)
            raise OSError("the disk is gone")

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    network = Slow()
    slow, request = model(network, at_once=2), Request(ChunkScheme(500, 2))
    with pytest.raises(OSError, match="gone"):
        list(slow.separate(Broken(5000), request, ignore))
    assert network.running == 0
    with pytest.raises(KeyboardInterrupt):
        list(slow.separate(LongMixture(5000), request, stop))
    assert network.running == 0


def test_threads_go_when_the_model_goes() -> None:
    before = set(threading.enumerate())
    separator = model(Counted(), at_once=2)
    run(separator, TriangleScheme(100))
    started = set(threading.enumerate()) - before
    assert len(started) == 2
    del separator
    for thread in started:
        thread.join(2)
    assert not any(thread.is_alive() for thread in started)


def test_the_caller_keeps_its_own_modes() -> None:
    stems = start(model(Counted()), ChunkScheme(100))
    next(stems)
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad
    assert torch.get_num_threads() == 2
