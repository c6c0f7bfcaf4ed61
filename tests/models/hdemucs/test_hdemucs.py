"""Hybrid Demucs as a stream: against a plain pass, the published scheme, and the edges."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hdemucs_networks import RATE, SOURCES, card, tiny
from streams import ArrayMixture
from unmixcli.models.hdemucs.loading import load_model
from unmixcli.models.hdemucs.segments import cut
from unmixcli.models.hdemucs.streaming import HybridDemucs, measure
from unmixcli.options.config import SeparationConfig

transforms = pytest.importorskip("torchaudio.transforms", exc_type=Exception)

Audio = NDArray[np.float32]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are slower on several threads, much so on a busy machine."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)


class Gains(torch.nn.Module):
    """A network without memory: every source is the mixture, times 1, 2, 3 and 4."""

    audio_channels = 2
    hop_length = 256

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        assert audio.shape[-1] >= 2 * self.hop_length
        return audio[:, None] * torch.arange(1.0, 5.0).view(1, 4, 1, 1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(tiny().state_dict(), path)
    return path


def load(path: Path, *targets: str) -> HybridDemucs:
    return load_model(card(path), {"tiny.pt": path}, targets or SOURCES, "cpu")


def music(length: int, seed: int = 0) -> Audio:
    """Noise that swells, off centre, so that mean and deviation matter."""
    noise = np.random.default_rng(seed).standard_normal((2, length))
    swell = 0.05 + 0.2 * np.sin(np.linspace(0, 9, length)) ** 2
    return np.asarray(noise * swell + 0.03, np.float32)


def run(
    model: HybridDemucs, audio: Audio, block: int = 1000, residual: bool = False, **options: Any
) -> Audio:
    config = SeparationConfig(
        residual=residual, options={key: str(value) for key, value in options.items()}
    )
    blocks = list(model.separate(ArrayMixture(audio, block, RATE), config, lambda *_: None))
    assert all(part.dtype == np.float32 and part.shape[-1] for part in blocks)
    return np.concatenate(blocks, axis=-1)


def test_one_segment_is_a_plain_pass(checkpoint: Path) -> None:
    audio = torch.from_numpy(music(3 * RATE))
    ref = audio.mean(0)
    with torch.inference_mode():
        plain = tiny()(((audio - ref.mean()) / ref.std())[None])[0] * ref.std() + ref.mean()
    for segment in (3, 10):
        streamed = run(load(checkpoint), audio.numpy(), segment=segment)
        np.testing.assert_allclose(streamed, plain, atol=1e-6)


def published(audio: torch.Tensor, segment: float, overlap: float) -> torch.Tensor:
    """The scheme of torchaudio's tutorial on Hybrid Demucs, on a whole track.

    Its chunks are ``segment * (1 + overlap)`` seconds and share ``overlap``
    seconds. Unlike there, the last chunk is the first that reaches the end,
    and it does not fade out even where it is the only one.
    """
    network = tiny()
    ref = audio.mean(0)
    track = ((audio - ref.mean()) / ref.std())[None]
    chunk, shared = round(RATE * segment * (1 + overlap)), round(overlap * RATE)
    total = torch.zeros(1, 4, *audio.shape)
    start, end = 0, chunk
    while True:
        last = end >= audio.shape[-1]
        fade = transforms.Fade(shared if start else 0, 0 if last else shared, "linear")
        with torch.inference_mode():
            total[..., start:end] += fade(network(track[..., start:end]))
        if last:
            return total[0] * ref.std() + ref.mean()
        start, end = end - shared, end + chunk


@pytest.mark.parametrize(("segment", "overlap"), [(1, 0.1), (1, 0.4), (2, 0.25)])
@pytest.mark.parametrize("length", [24000, 33333])
def test_segments_are_the_published_scheme(
    checkpoint: Path, segment: float, overlap: float, length: int
) -> None:
    audio = music(length)
    expected = published(torch.from_numpy(audio), segment, overlap)
    hop = segment * (1 + overlap)
    streamed = run(load(checkpoint), audio, segment=hop, overlap=overlap / hop)
    np.testing.assert_allclose(streamed, expected, atol=1e-6)


def test_how_the_mixture_is_read_does_not_matter(checkpoint: Path) -> None:
    model, audio = load(checkpoint), music(2 * 65536 + 5)
    whole = run(model, audio, block=10**6, segment=5)
    assert all(np.array_equal(run(model, audio, n, segment=5), whole) for n in (97, 8000, 8001))


@pytest.mark.parametrize("overlap", [0, 0.0003, 0.1, 0.5, 1])
def test_segments_add_up_at_any_length(overlap: float) -> None:
    model = HybridDemucs(Gains(), card(Path("x")), SOURCES, torch.device("cpu"))
    for length in (1, 2, 511, 7999, 8000, 8001, 8400, 15999, 16000, 16001, 16801, 40000):
        audio = music(length)
        middle = audio.mean(dtype=np.float64)
        gains = np.arange(1, 5).reshape(4, 1, 1)
        expected = (audio - middle) * gains + middle
        stems = run(model, audio, segment=1, overlap=overlap)
        np.testing.assert_allclose(stems, expected, atol=5e-6)


@pytest.mark.parametrize("block", [1, 7, 100, 1000])
def test_cut(block: int) -> None:
    audio = np.arange(1000, dtype=np.float32)[np.newaxis]
    blocks = (audio[:, k : k + block] for k in range(0, 1000, block))
    found = [(first, part.tolist()[0]) for first, part in cut(blocks, 1000, 300, 50)]
    spans = [(0, 300), (250, 600), (550, 900), (850, 1000)]
    assert found == [(first, list(range(first, end))) for first, end in spans]


def test_targets_and_their_order(checkpoint: Path) -> None:
    audio = music(20000)
    every = run(load(checkpoint), audio, segment=1)
    model = load(checkpoint, "vocals", "bass")
    assert model.targets == ("vocals", "bass")
    assert np.array_equal(run(model, audio, segment=1), every[[3, 1]])


@pytest.mark.parametrize("targets", [("vocals",), ("vocals", "drums"), SOURCES])
def test_residual_closes_the_sum(checkpoint: Path, targets: tuple[str, ...]) -> None:
    audio, model = music(20000), load(checkpoint, *targets)
    stems = run(model, audio, segment=1, overlap=0.3, residual=True)
    assert len(stems) == len(targets) + 1
    assert np.array_equal(stems[:-1], run(model, audio, segment=1, overlap=0.3))
    np.testing.assert_allclose(stems.sum(0), audio, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 100, 256, 300, 511, 512, 600, 1025, 8000, 8001])
def test_short_silent_and_constant_tracks(checkpoint: Path, length: int) -> None:
    model = load(checkpoint)
    silence = run(model, np.zeros((2, length), np.float32), segment=1, overlap=0)
    assert silence.shape == (4, 2, length)
    assert not silence.any()
    for audio in (music(length), np.full((2, length), 0.1, np.float32), music(length) * 1e-30):
        stems = run(model, audio, segment=1, overlap=0)
        assert stems.shape == (4, 2, length)
        assert np.isfinite(stems).all()


def test_a_silent_part_of_a_track(checkpoint: Path) -> None:
    audio = music(40000)
    audio[:, 16000:32000] = 0
    assert np.isfinite(run(load(checkpoint), audio, segment=1)).all()


@pytest.mark.parametrize("offset", [0, 1000])
def test_statistics(offset: float) -> None:
    audio = np.asarray(music(200_001).astype(np.float64) + offset, np.float32)
    middle = audio.astype(np.float64).mean(0)
    mean, deviation = measure(ArrayMixture(audio, 4096, RATE), lambda *_: None)
    np.testing.assert_allclose([mean, deviation], [middle.mean(), middle.std(ddof=1)], rtol=1e-10)


def test_threads_share_a_model(checkpoint: Path) -> None:
    model, tracks = load(checkpoint), [music(20000, seed) for seed in range(4)]
    alone = [run(model, track, segment=1) for track in tracks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda track: run(model, track, segment=1), tracks))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_progress_and_the_size_of_blocks(checkpoint: Path) -> None:
    told: list[tuple[str, float]] = []
    mixture = ArrayMixture(music(100_000), 10_000, RATE)
    config = SeparationConfig(options={"segment": "2"})
    blocks = load(checkpoint).separate(mixture, config, lambda *event: told.append(event))
    assert [block.shape[-1] for block in blocks] == [14400] + [16000] * 5 + [5600]
    assert {stage for stage, _ in told} == {"measuring", "separating"}
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_gradients_are_not_recorded_and_the_mode_does_not_leak(checkpoint: Path) -> None:
    blocks = load(checkpoint).separate(
        ArrayMixture(music(20000), 1000, RATE),
        SeparationConfig(options={"segment": "1"}),
        lambda *_: None,
    )
    next(blocks)
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad


def test_idle_options_are_told_of_once(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, mixture = load(checkpoint), ArrayMixture(music(1000), 1000, RATE)

    def warnings(**options: Any) -> list[str]:
        caplog.clear()
        list(model.separate(mixture, SeparationConfig(**options), lambda *_: None))
        return [record.getMessage() for record in caplog.records]

    with caplog.at_level(logging.WARNING, "unmixcli"):
        assert not warnings()
        assert not warnings(niter=1, residual=True)
        (message,) = warnings(niter=2, softmask=True)
        assert message.startswith("niter, softmask: no effect with tiny")
        assert not warnings(niter=2)
