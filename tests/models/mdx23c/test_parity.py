"""MDX23C against the package pymss-core: one pass, and whole tracks as a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mdx23cs
from chunking import stream, whole_track
from streams import noise
from unmixcli.models.chunked import Options
from unmixcli.models.interface import Model
from unmixcli.models.mdx23c.loading import build_network, load_model
from unmixcli.models.mdx23c.network import MDX23C
from unmixcli.models.mdx23c.parameters import Parameters
from unmixcli.models.tensors import open_tensors

pytest.importorskip("pymss_core")


def ours(network: torch.nn.Module, folder: Path, channels: int = 2) -> MDX23C:
    torch.save(network.state_dict(), folder / "tiny.ckpt")
    parameters = Parameters.of(mdx23cs.card(folder / "tiny.ckpt"))
    return build_network(open_tensors(folder / "tiny.ckpt"), parameters, channels)


def load(network: torch.nn.Module, folder: Path, *targets: str, **fields: Any) -> Model:
    torch.save(network.state_dict(), folder / "tiny.ckpt")
    described = mdx23cs.card(folder / "tiny.ckpt", **fields)
    weights = {"tiny.ckpt": folder / "tiny.ckpt"}
    return load_model(described, weights, targets or described.targets, "cpu")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scale": [4, 2], "num_scales": 2},
        {"num_subbands": 2, "growth": 0, "bottleneck_factor": 4},
        {"num_scales": 3, "num_blocks_per_scale": 1},
        {"num_subbands": 1, "dim_f": 128, "num_scales": 1},
    ],
    ids=str,
)
def test_one_pass(arguments: dict[str, Any], tmp_path: Path) -> None:
    reference = mdx23cs.mdx23c(**arguments)
    audio = torch.from_numpy(noise(mdx23cs.CHUNK))[None]
    with torch.inference_mode():
        expected, estimate = reference(audio), ours(reference, tmp_path)(audio)
    assert estimate.shape == expected.shape == (1, 5, 2, mdx23cs.CHUNK)
    assert expected.abs().max() > 0.001
    assert (estimate - expected).abs().max() < 1e-5


def test_several_segments_in_one_pass(tmp_path: Path) -> None:
    """The norms take their statistics over each segment by itself."""
    network = ours(mdx23cs.mdx23c(), tmp_path)
    audio = torch.from_numpy(np.stack([noise(mdx23cs.CHUNK, seed=n) * n for n in (1, 2, 3)]))
    with torch.inference_mode():
        alone = torch.cat([network(one[None]) for one in audio])
        assert (network(audio) - alone).abs().max() < 1e-5


@pytest.fixture(scope="module")
def reference() -> torch.nn.Module:
    return mdx23cs.mdx23c()


@pytest.fixture(scope="module")
def model(reference: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(reference, tmp_path_factory.mktemp("weights"))


CHUNK = mdx23cs.CHUNK
BORDER = CHUNK - CHUNK // 4


@pytest.mark.parametrize(
    "length",
    [1, 700, CHUNK // 2, CHUNK // 2 + 1, CHUNK, CHUNK + 1, 2 * BORDER, 2 * BORDER + 1, 7123],
)
def test_whole_tracks(length: int, reference: torch.nn.Module, model: Model) -> None:
    track = noise(length)
    expected = whole_track(reference, track, CHUNK, 4)
    stems = stream(model, track, Options())
    assert stems.shape == (5, 2, length)
    assert np.abs(stems - expected).max() < 1e-4


def test_another_overlap(reference: torch.nn.Module, model: Model) -> None:
    track = noise(5000)
    expected = whole_track(reference, track, CHUNK, 2)
    assert np.abs(stream(model, track, Options(overlap=2)) - expected).max() < 1e-4


def test_silence_stays_silent(reference: torch.nn.Module, model: Model) -> None:
    track = np.zeros((2, 5000), np.float32)
    expected = whole_track(reference, track, CHUNK, 4)
    assert np.abs(stream(model, track, Options()) - expected).max() < 1e-4


def test_some_targets(reference: torch.nn.Module, model: Model, tmp_path: Path) -> None:
    track = noise(3000)
    all_of_them = stream(model, track, Options())
    few = load(reference, tmp_path, "hh", "kick")
    assert few.targets == ("hh", "kick")
    assert np.abs(stream(few, track, Options()) - all_of_them[[3, 0]]).max() < 1e-6


def test_one_target_and_the_rest(tmp_path: Path) -> None:
    """A network of one target gives no dimension of stems; the card's last target is the rest."""
    reference = mdx23cs.mdx23c(("vocals", "other"), target="vocals")
    fields: dict[str, Any] = {"targets": ("vocals", "instrumental"), "rest": "instrumental"}
    model = load(reference, tmp_path, "vocals", **fields)
    track = noise(3000)
    expected = whole_track(lambda audio: reference(audio)[:, None], track, CHUNK, 4)
    assert np.abs(stream(model, track, Options()) - expected).max() < 1e-4


def test_a_mono_network(tmp_path: Path) -> None:
    """The reference gives the samples of its one channel as two halves."""
    reference = mdx23cs.mdx23c(channels=1)
    audio = torch.from_numpy(noise(CHUNK, channels=1))[None]
    with torch.inference_mode():
        expected = reference(audio).view(1, 5, 1, CHUNK)
        assert (ours(reference, tmp_path, channels=1)(audio) - expected).abs().max() < 1e-5
