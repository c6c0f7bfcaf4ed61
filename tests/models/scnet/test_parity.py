"""SCNet against the package pymss-core: one pass, and whole tracks as a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import scnets
from chunking import stream, whole_track
from streams import noise
from unmixcli.models.chunked import Options
from unmixcli.models.interface import Model
from unmixcli.models.scnet.loading import build_network, load_model
from unmixcli.models.scnet.network import SCNet
from unmixcli.models.scnet.parameters import Parameters
from unmixcli.models.tensors import open_tensors

pytest.importorskip("pymss_core")
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")


def ours(network: torch.nn.Module, folder: Path, **fields: Any) -> SCNet:
    torch.save(network.state_dict(), folder / "tiny.ckpt")
    described = scnets.card(folder / "tiny.ckpt", **fields)
    return build_network(open_tensors(folder / "tiny.ckpt"), Parameters.of(described))


def load(network: torch.nn.Module, folder: Path, *targets: str, **fields: Any) -> Model:
    torch.save(network.state_dict(), folder / "tiny.ckpt")
    described = scnets.card(folder / "tiny.ckpt", **fields)
    weights = {"tiny.ckpt": folder / "tiny.ckpt"}
    return load_model(described, weights, targets or described.targets, "cpu")


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "small": ({}, {}),
    "xl-ihf": (
        {
            "band_SR": [0.23, 0.37, 0.4],
            "band_stride": [1, 4, 4],
            "band_kernel": [3, 4, 4],
            "conv_depths": [3, 3, 3],
            "num_dplayer": 8,
        },
        {"band_ratios": (0.23, 0.37, 0.4), "band_strides": (1, 4, 4)},
    ),
    "kernels other than strides": (
        {"band_stride": [1, 2, 4], "band_kernel": [5, 4, 8]},
        {"band_strides": (1, 2, 4)},
    ),
    "wide": ({"expand": 2, "compress": 2, "conv_kernel": 5}, {}),
    "not normalised": ({"normalized": False}, {"orthonormal": False}),
    "mono, one source": ({"dims": [2, 6, 8], "audio_channels": 1, "sources": ["vocals"]}, {}),
    "another hop": ({"hop_size": 40, "nfft": 160, "win_size": 160}, {"hop": 40, "n_fft": 160}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_one_pass(name: str, tmp_path: Path) -> None:
    arguments, fields = VARIANTS[name]
    reference = scnets.scnet(**arguments)
    network = ours(reference, tmp_path, **fields)
    audio = torch.from_numpy(noise(scnets.CHUNK, channels=reference.audio_channels))[None]
    with torch.inference_mode():
        expected, estimate = reference(audio), network(audio)
    assert estimate.shape == expected.shape
    assert expected.abs().max() > 0.01
    assert (estimate - expected).abs().max() < 1e-5


@pytest.mark.parametrize("samples", [992, 1000, 1023, 1024, 1025, 1055, 1056])
def test_the_padding_at_the_end(samples: int, tmp_path: Path) -> None:
    """An even number of frames, with at least one zero: hops of 32 samples, odd and even."""
    reference = scnets.scnet(num_dplayer=2)
    audio = torch.from_numpy(noise(samples))[None]
    with torch.inference_mode():
        difference = ours(reference, tmp_path)(audio) - reference(audio)
    assert difference.shape[-1] == samples
    assert difference.abs().max() < 1e-5


def test_several_segments_in_one_pass(tmp_path: Path) -> None:
    network = ours(scnets.scnet(), tmp_path)
    audio = torch.from_numpy(np.stack([noise(1000, seed=n) for n in range(3)]))
    with torch.inference_mode():
        alone = torch.cat([network(one[None]) for one in audio])
        assert (network(audio) - alone).abs().max() < 1e-5


@pytest.fixture(scope="module")
def reference() -> torch.nn.Module:
    return scnets.scnet(num_dplayer=2)


@pytest.fixture(scope="module")
def model(reference: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(reference, tmp_path_factory.mktemp("weights"))


BORDER = scnets.CHUNK - scnets.CHUNK // 4


@pytest.mark.parametrize(
    "length",
    [
        1,
        700,
        scnets.CHUNK // 2,
        scnets.CHUNK // 2 + 1,
        scnets.CHUNK - 1,
        scnets.CHUNK,
        scnets.CHUNK + 1,
        2 * BORDER,
        2 * BORDER + 1,
        2 * scnets.CHUNK,
        7123,
    ],
)
def test_whole_tracks(length: int, reference: torch.nn.Module, model: Model) -> None:
    track = noise(length)
    expected = whole_track(reference, track, scnets.CHUNK, 4)
    stems = stream(model, track, Options())
    assert stems.shape == (4, 2, length)
    assert np.abs(stems - expected).max() < 1e-4


@pytest.mark.parametrize("overlap", [1, 2, 3, 5])
def test_overlaps(overlap: int, reference: torch.nn.Module, model: Model) -> None:
    track = noise(5000)
    expected = whole_track(reference, track, scnets.CHUNK, overlap)
    assert np.abs(stream(model, track, Options(overlap=overlap)) - expected).max() < 1e-4


def test_silence(reference: torch.nn.Module, model: Model) -> None:
    track = np.zeros((2, 5000), np.float32)
    expected = whole_track(reference, track, scnets.CHUNK, 4)
    assert np.abs(stream(model, track, Options()) - expected).max() < 1e-4


def test_blocks_do_not_matter(model: Model) -> None:
    track = noise(7000)
    assert np.array_equal(stream(model, track, Options(), 1), stream(model, track, Options(), 9999))


def test_some_targets(reference: torch.nn.Module, model: Model, tmp_path: Path) -> None:
    track = noise(3000)
    all_of_them = stream(model, track, Options())
    few = load(reference, tmp_path, "vocals", "drums")
    assert few.targets == ("vocals", "drums")
    assert np.abs(stream(few, track, Options()) - all_of_them[[3, 0]]).max() < 1e-6


def test_a_mono_network(tmp_path: Path) -> None:
    reference = scnets.scnet(dims=[2, 6, 8], audio_channels=1, num_dplayer=2)
    model = load(reference, tmp_path, channels=1)
    assert model.channels == 1
    track = noise(3000, channels=1)
    expected = whole_track(reference, track, scnets.CHUNK, 4)
    assert np.abs(stream(model, track, Options()) - expected).max() < 1e-4
