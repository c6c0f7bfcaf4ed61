"""Hybrid Demucs as a stream: against a plain pass, the published scheme, and the edges."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hdemucs_networks import RATE, SOURCES, card, tiny
from streams import ArrayMixture, Audio, ignore
from unmixcli.models.hdemucs.loading import load_model
from unmixcli.models.hdemucs.options import Options
from unmixcli.models.hdemucs.streaming import hybrid_demucs
from unmixcli.models.interface import Request
from unmixcli.models.segmented import SegmentedModel

transforms = pytest.importorskip("torchaudio.transforms", exc_type=Exception)
pytestmark = pytest.mark.usefixtures("one_thread")


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


def load(path: Path, *targets: str) -> SegmentedModel:
    return load_model(card(path), {"tiny.pt": path}, targets or SOURCES, "cpu")


def music(length: int, seed: int = 0) -> Audio:
    """Noise that swells, off centre, so that mean and deviation matter."""
    noise = np.random.default_rng(seed).standard_normal((2, length))
    swell = 0.05 + 0.2 * np.sin(np.linspace(0, 9, length)) ** 2
    return np.asarray(noise * swell + 0.03, np.float32)


def run(model: SegmentedModel, audio: Audio, block: int = 1000, **options: Any) -> Audio:
    request = Request(Options(**options))
    blocks = list(model.separate(ArrayMixture(audio, block, RATE), request, ignore))
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
    model = hybrid_demucs(Gains(), card(Path("x")), SOURCES, torch.device("cpu"))
    for length in (1, 2, 511, 7999, 8000, 8001, 8400, 15999, 16000, 16001, 16801, 40000):
        audio = music(length)
        middle = audio.mean(dtype=np.float64)
        gains = np.arange(1, 5).reshape(4, 1, 1)
        expected = (audio - middle) * gains + middle
        stems = run(model, audio, segment=1, overlap=overlap)
        np.testing.assert_allclose(stems, expected, atol=5e-6)


def test_targets_and_their_order(checkpoint: Path) -> None:
    audio = music(20000)
    every = run(load(checkpoint), audio, segment=1)
    model = load(checkpoint, "vocals", "bass")
    assert model.targets == ("vocals", "bass")
    assert np.array_equal(run(model, audio, segment=1), every[[3, 1]])


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


def test_threads_share_a_model(checkpoint: Path) -> None:
    model, tracks = load(checkpoint), [music(20000, seed) for seed in range(4)]
    alone = [run(model, track, segment=1) for track in tracks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda track: run(model, track, segment=1), tracks))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_progress_and_the_size_of_blocks(checkpoint: Path) -> None:
    told: list[tuple[str, float]] = []
    mixture = ArrayMixture(music(100_000), 10_000, RATE)
    request = Request(Options(segment=2))
    blocks = load(checkpoint).separate(mixture, request, lambda *event: told.append(event))
    assert [block.shape[-1] for block in blocks] == [14400] + [16000] * 5 + [5600]
    assert {stage for stage, _ in told} == {"measuring", "separating"}
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
