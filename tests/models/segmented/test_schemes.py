"""Schemes as streams: against whole tracks done plainly, and against Demucs itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from streams import ArrayMixture, Audio, ignore
from unmixcli.errors import ModelError
from unmixcli.models.interface import Request
from unmixcli.models.segmented import (
    Bag,
    ChunkScheme,
    CrossFadeScheme,
    Scheme,
    SegmentedModel,
    TriangleScheme,
)
from unmixcli.models.segmented.statistics import measure

pytestmark = pytest.mark.usefixtures("one_thread")

few = settings(max_examples=60, deadline=None)
lengths = st.integers(1, 700)
blocks = st.sampled_from([1, 7, 64, 1000])
batches = st.sampled_from([1, 2, 5])


def crooked(segments: torch.Tensor) -> torch.Tensor:
    """Two stems that show a wrong cut: they depend on positions, neighbours and the whole."""
    position = torch.linspace(0.5, 1.5, segments.shape[-1])
    first = segments * position + 0.3 * segments.roll(1, -1)
    second = segments.flip(-1) * 0.2 + segments.mean(-1, keepdim=True)
    return torch.stack([first, second], 1)


def music(length: int) -> Audio:
    """Noise off centre, so that mean and deviation matter."""
    return np.asarray(np.random.default_rng(length).normal(0.1, 0.3, (2, length)), np.float32)


def run(
    audio: Audio, scheme: Scheme, network: Any = crooked, block: int = 64, batch: int = 1
) -> Audio:
    model = SegmentedModel(
        network,
        {"first": 0, "second": 1},
        sample_rate=8000,
        channels=2,
        device=torch.device("cpu"),
        scheme=lambda options: options,
        batch=batch,
    )
    request = Request(scheme)
    stems = list(model.separate(ArrayMixture(audio, block), request, ignore))
    assert all(part.dtype == np.float32 and part.shape[-1] for part in stems)
    return np.concatenate(stems, -1)


def plainly(network: Any, piece: Audio) -> Audio:
    with torch.inference_mode():
        stems: Audio = network(torch.tensor(np.ascontiguousarray(piece))[None])[0].numpy()
    return stems.astype(np.float64)


# --- chunks with reflected borders -------------------------------------------


def chunks(audio: Audio, chunk: int, num_overlap: int) -> Audio:
    """The generic scheme on a whole track, one chunk at a time."""
    step = chunk // num_overlap
    border = chunk - step
    extends = audio.shape[1] > 2 * border and border > 0
    track = np.pad(audio, ((0, 0), (border, border)), mode="reflect") if extends else audio
    total, weights = np.zeros((2, *track.shape)), np.zeros(track.shape[1])
    for start in range(0, track.shape[1], step):
        part = track[:, start : start + chunk]
        there = part.shape[1]
        mode: Any = "reflect" if there > chunk // 2 else "constant"
        estimate = plainly(crooked, np.pad(part, ((0, 0), (0, chunk - there)), mode=mode))
        window = np.ones(chunk)
        fade = chunk // 10
        if start > 0:
            window[:fade] *= np.linspace(0, 1, fade)
        if start + step < track.shape[1]:
            window[chunk - fade :] *= np.linspace(1, 0, fade)
        total[..., start : start + chunk] += (estimate * window)[..., :there]
        weights[start : start + chunk] += window[:there]
    stems = np.divide(total, weights, out=np.zeros_like(total), where=weights > 0)
    return stems[..., border : total.shape[-1] - border] if extends else stems


@few
@given(lengths, st.integers(1, 150), st.integers(1, 8), blocks, batches)
def test_chunks(length: int, chunk: int, num_overlap: int, block: int, batch: int) -> None:
    num_overlap = min(num_overlap, chunk)
    audio = music(length)
    found = run(audio, ChunkScheme(chunk, num_overlap), block=block, batch=batch)
    np.testing.assert_allclose(found, chunks(audio, chunk, num_overlap), atol=1e-5)


@pytest.mark.parametrize("num_overlap", [1, 2, 3, 4])
def test_chunks_at_the_edges(num_overlap: int) -> None:
    border = 120 - 120 // num_overlap
    for edge in (60, 120, border, 2 * border, 240, 360):
        for length in range(max(1, edge - 2), edge + 3):
            audio = music(length)
            found = run(audio, ChunkScheme(120, num_overlap))
            np.testing.assert_allclose(found, chunks(audio, 120, num_overlap), atol=1e-5)


def test_chunks_of_a_normalised_track() -> None:
    audio = music(500)
    middle = audio.mean(0, dtype=np.float64)
    normal = ((audio - middle.mean()) / middle.std(ddof=1)).astype(np.float32)
    expected = chunks(normal, 100, 4) * middle.std(ddof=1) + middle.mean()
    np.testing.assert_allclose(
        run(audio, ChunkScheme(100, 4, normalised=True)), expected, atol=1e-5
    )
    silence = run(np.zeros((2, 500), np.float32), ChunkScheme(100, 4, normalised=True))
    assert not silence.any()


# --- triangles ---------------------------------------------------------------


def triangles(audio: Audio, scheme: TriangleScheme) -> Audio:
    """The scheme of Demucs on a whole track."""
    middle = audio.mean(0, dtype=np.float64)
    scale = (middle.std(ddof=1) if len(middle) > 1 else 0) + 1e-8
    track = ((audio - middle.mean()) / scale).astype(np.float32)
    length, stride = audio.shape[1], int((1 - scheme.overlap) * scheme.segment)
    rising = np.array([min(k + 1, scheme.segment - k) for k in range(scheme.segment)])
    total, weights = np.zeros((2, *track.shape)), np.zeros(length)
    margin = scheme.segment + (scheme.reads or 0) + scheme.shortest
    padded = np.pad(track, ((0, 0), (margin, margin)))
    for start in range(0, length, stride):
        end = min(start + scheme.segment, length)
        around = max(scheme.reads or 0, scheme.shortest, end - start) - (end - start)
        first = margin + start - around // 2
        estimate = plainly(crooked, padded[:, first : first + end - start + around])
        estimate = estimate[..., around // 2 : around // 2 + end - start]
        weight = (rising / rising.max())[: end - start] ** scheme.power
        total[..., start:end] += estimate * weight
        weights[start:end] += weight
    return total / weights * scale + middle.mean()


@few
@given(
    lengths,
    st.integers(2, 150),
    st.sampled_from([0, 0.1, 0.25, 0.5]),
    st.sampled_from([1, 2.5]),
    st.one_of(st.none(), st.integers(0, 90)),
    st.sampled_from([1, 40]),
    blocks,
    batches,
)
def test_triangles(
    length: int,
    segment: int,
    overlap: float,
    power: float,
    around: int | None,
    shortest: int,
    block: int,
    batch: int,
) -> None:
    audio = music(length)
    reads = None if around is None else segment + around
    scheme = TriangleScheme(segment, overlap, power, reads, shortest)
    found = run(audio, scheme, block=block, batch=batch)
    np.testing.assert_allclose(found, triangles(audio, scheme), atol=1e-5)


def normalised(audio: Audio) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    track = torch.from_numpy(audio)
    middle = track.mean(0)
    scale = middle.std() + 1e-8
    return (track - middle.mean()) / scale, middle.mean(), scale


def demucs(model: Any, audio: Audio, **options: Any) -> Audio:
    """Separate as the package does."""
    apply = pytest.importorskip("demucs.apply")
    track, mean, scale = normalised(audio)
    stems: Audio = (
        apply.apply_model(model, track[None], shifts=0, **options)[0] * scale + mean
    ).numpy()
    return stems


class Sized(nn.Module):
    """A network that Demucs' own driver runs: a `crooked` with its attributes."""

    def __init__(self, reads: int | None = None, gain: float = 1.0) -> None:
        super().__init__()
        self.sources, self.samplerate, self.audio_channels = ["first", "second"], 8000, 2
        self.segment, self.gain = 0.0125, nn.Parameter(torch.tensor(gain), requires_grad=False)
        if reads:
            self.valid_length = lambda length: reads

    def forward(self, segments: torch.Tensor) -> torch.Tensor:
        return crooked(segments) * self.gain


@pytest.mark.parametrize("reads", [None, 100, 133])
@pytest.mark.parametrize(("overlap", "power"), [(0.25, 1), (0.6, 2), (0, 1)])
def test_triangles_are_those_of_demucs(reads: int | None, overlap: float, power: float) -> None:
    for length in (2, 50, 75, 99, 100, 101, 175, 176, 700):
        audio = music(length)
        expected = demucs(Sized(reads), audio, overlap=overlap, transition_power=power)
        scheme = TriangleScheme(100, overlap, power, reads)
        np.testing.assert_allclose(run(audio, scheme), expected, atol=2e-6)


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """Networks of the package, tiny, with random weights."""
    hdemucs, htdemucs = (pytest.importorskip(f"demucs.{name}") for name in ("hdemucs", "htdemucs"))
    known = {"sources": ["first", "second"], "channels": 8, "samplerate": 8000, "segment": 1}
    transformer = {"t_layers": 1, "t_heads": 2}
    torch.manual_seed(0)
    return {
        "HDemucs": hdemucs.HDemucs(**known, nfft=1024, depth=5).eval(),
        "HTDemucs": htdemucs.HTDemucs(**known, nfft=512, depth=3, **transformer).eval(),
    }


@pytest.mark.parametrize(("kind", "reads"), [("HDemucs", None), ("HTDemucs", 8000)])
def test_networks_of_demucs(real: dict[str, Any], kind: str, reads: int | None) -> None:
    audio = music(19000)
    found = run(audio, TriangleScheme(8000, reads=reads), real[kind], block=1000)
    np.testing.assert_allclose(found, demucs(real[kind], audio, overlap=0.25), atol=1e-6)


def test_a_bag_is_that_of_demucs() -> None:
    apply = pytest.importorskip("demucs.apply")
    networks = [Sized(gain=gain) for gain in (1, 2, -3)]
    weights = [[1.0, 0.0], [0.5, 0.0], [0.0, 2.0]]
    audio = music(700)
    expected = demucs(apply.BagOfModels(networks, weights), audio, overlap=0.25)
    found = run(audio, TriangleScheme(100), Bag(networks, weights, [0, 1]))
    np.testing.assert_allclose(found, expected, atol=2e-6)


# --- cross-fades -------------------------------------------------------------


@few
@given(lengths, st.integers(1, 150), st.floats(0, 1), st.sampled_from([1, 50]), blocks)
def test_cross_fades(length: int, hop: int, share: float, shortest: int, block: int) -> None:
    """Bit by bit, each sample is a segment's, or fades from one to the next."""
    audio, overlap = music(length), round(share * hop)
    mean, deviation = measure(ArrayMixture(audio), lambda _: None)
    scale = deviation or 1.0
    rise = np.linspace(0, 1, overlap, dtype=np.float32)
    expected = np.zeros((2, 2, length), np.float32)
    for start in range(0, length, hop):
        first, end = max(0, start - overlap), min(start + hop, length)
        part = (torch.tensor(audio[:, first:end]) - mean) / scale
        part = nn.functional.pad(part, (0, max(0, shortest - part.shape[1])))
        estimate = (crooked(part[None])[0][..., : end - first] * scale + mean).numpy()
        if start:
            estimate[..., :overlap] *= rise
            estimate[..., :overlap] += expected[..., first:start] * (1 - rise)
        expected[..., first:end] = estimate
    found = run(audio, CrossFadeScheme(hop, overlap, shortest), block=block)
    assert np.array_equal(found, expected)


# --- what makes no sense -----------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        (lambda: ChunkScheme(100, 0), "chunks of 100 samples cannot overlap 0 times"),
        (lambda: ChunkScheme(3, 4), "chunks of 3 samples cannot overlap 4 times"),
        (lambda: TriangleScheme(100, 1.0), "cannot overlap by 1 of their length"),
        (lambda: TriangleScheme(100, 0.999), "give a longer segment or a smaller overlap"),
        (lambda: TriangleScheme(0), "segments of 0 samples"),
        (lambda: TriangleScheme(100, reads=99), "reads 99 samples at a time"),
        (lambda: CrossFadeScheme(100, 101), "segments of 100 samples cannot share 101"),
        (lambda: CrossFadeScheme(0, 0), "segments of 0 samples"),
    ],
)
def test_schemes_that_make_no_sense_are_refused(scheme: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        scheme()
