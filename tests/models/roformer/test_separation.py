"""Whole tracks: our stream against the plain method, written down from its definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import roformers
from streams import ArrayMixture, ignore, noise
from unmixcli.models.interface import Model, Request
from unmixcli.models.roformer.loading import load_model
from unmixcli.models.roformer.options import Options

pytest.importorskip("bs_roformer")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:A window was not provided"),
]

Audio = NDArray[np.float32]
CHUNK = roformers.CHUNK
CLOSE = 1e-4


@pytest.fixture(scope="module")
def reference() -> torch.nn.Module:
    return roformers.bs_roformer(num_stems=4)


@pytest.fixture(scope="module")
def path(reference: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("roformer") / "tiny.ckpt"
    torch.save(reference.state_dict(), file)
    return file


FOUR = ("drums", "bass", "other", "vocals")


def load(path: Path, wanted: Sequence[str] = (), **fields: Any) -> Model:
    described = roformers.card(path, **{"targets": FOUR} | fields)
    weights = {item.file: path for item in described.weights}
    return load_model(described, weights, wanted or described.estimated, "cpu")


def separate(model: Model, mixture: Audio, **options: Any) -> Audio:
    request = Request(Options.model_validate(options))
    blocks = list(model.separate(ArrayMixture(mixture, 777, roformers.RATE), request, ignore))
    return np.concatenate(blocks, axis=-1)


def whole(
    network: Callable[[torch.Tensor], torch.Tensor], mixture: Audio, chunk: int, overlap: int
) -> Audio:
    """Separate a track in memory: reflected ends, overlapping chunks, linear fades."""
    step = chunk // overlap
    border = chunk - step
    length = mixture.shape[1]
    audio = torch.from_numpy(mixture)
    if reflected := 0 < 2 * border < length:
        audio = torch.nn.functional.pad(audio, (border, border), "reflect")
    total = audio.shape[1]
    result = torch.zeros(4, 2, total)
    count = torch.zeros(total)
    fade = torch.linspace(0, 1, chunk // 10)
    for start in range(0, total, step):
        part = audio[:, start : start + chunk]
        size = part.shape[1]
        mode = "reflect" if size > chunk // 2 else "constant"
        part = torch.nn.functional.pad(part, (0, chunk - size), mode)
        window = torch.ones(chunk)
        if start:
            window[: len(fade)] = fade
        if start + step < total:
            window[-len(fade) :] = fade.flip(0)
        with torch.inference_mode():
            estimate = network(part[None])[0]
        result[..., start : start + size] += (estimate * window)[..., :size]
        count[start : start + size] += window[:size]
    stems = torch.nan_to_num(result / count)
    return stems[..., border:-border].numpy() if reflected else stems.numpy()


@pytest.mark.parametrize(
    "length",
    [1, 2, 799, 800, 801, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK, 9001],
)
@pytest.mark.parametrize("overlap", [2, 4])
def test_whole_track(length: int, overlap: int, reference: torch.nn.Module, path: Path) -> None:
    mixture = noise(length)
    model = load(path, overlap=overlap)
    expected = whole(reference, mixture, CHUNK, overlap)
    stems = separate(model, mixture)
    assert stems.shape == (4, 2, length)
    assert np.abs(stems - expected).max() <= CLOSE


def test_options_set_chunk_and_overlap(reference: torch.nn.Module, path: Path) -> None:
    mixture = noise(40_000)
    stems = separate(load(path), mixture, chunk="1", overlap="3")
    assert np.abs(stems - whole(reference, mixture, roformers.RATE, 3)).max() <= CLOSE


def test_chunk_that_is_no_multiple_of_the_hop(
    reference: torch.nn.Module, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = CHUNK + 7
    inverse = torch.istft

    def network(audio: torch.Tensor) -> torch.Tensor:
        # The package stops at the last whole hop; its inverse is asked for all samples.
        with monkeypatch.context() as patched:
            patched.setattr(torch, "istft", lambda *a, **k: inverse(*a, **k, length=chunk))
            stems: torch.Tensor = reference(audio)
        return stems

    mixture = noise(3 * chunk + 11)
    stems = separate(load(path, chunk=chunk), mixture)
    assert np.abs(stems - whole(network, mixture, chunk, 2)).max() <= CLOSE


def test_silence(path: Path) -> None:
    assert not separate(load(path), np.zeros((2, 5000), np.float32)).any()


def test_some_targets_in_another_order(path: Path) -> None:
    mixture = noise(5000)
    every = separate(load(path), mixture)
    some = separate(load(path, ("vocals", "drums")), mixture)
    assert np.abs(some - every[[3, 0]]).max() <= 1e-6


def test_named_heads(path: Path) -> None:
    mixture = noise(5000)
    every = separate(load(path), mixture)
    model = load(path, targets=("low", "voice"), heads={"voice": 3, "low": 1})
    assert np.abs(separate(model, mixture) - every[[1, 3]]).max() <= 1e-6


def test_mono_networks(tmp_path: Path) -> None:
    network = roformers.bs_roformer(stereo=False)
    torch.save(network.state_dict(), tmp_path / "mono.ckpt")
    model = load(tmp_path / "mono.ckpt", targets=("speech",))
    assert model.channels == 1
    assert separate(model, noise(3000, channels=1)).shape == (1, 1, 3000)
