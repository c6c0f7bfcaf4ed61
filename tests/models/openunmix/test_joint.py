"""The joint network, compared with a plain whole-track implementation of its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from networks import (
    JOINT_HEADER,
    TARGETS,
    State,
    joint_edges,
    joint_state,
    refinement_state,
    write_joint,
)
from openunmix_models import load, run
from streams import noise
from unmixcli.errors import ModelError
from unmixcli.models.openunmix import filtering, recurrence, streaming


def masks(state: State, spectrum: torch.Tensor) -> torch.Tensor:
    """Whole-track masks, (targets, channels, bins, frames), of a spectrum (2, bins, frames)."""
    state = {key: value.float() for key, value in state.items() if key != "band_edges"}
    hidden = len(state["fc1.bias"])
    left, right = spectrum
    signals = torch.stack([left, right, (left + right) / 2**0.5, (left - right) / 2**0.5])
    edges = joint_edges().tolist()
    power = signals.abs() ** 2
    bands = torch.stack([power[:, a:b].mean(1) for a, b in zip(edges, edges[1:])], 1)  # noqa: B905, RUF007
    features = torch.log(bands + 1e-4).flatten(0, 1).T
    lstm = torch.nn.LSTM(hidden, hidden // 2, num_layers=3, bidirectional=True)
    lstm.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
    x = torch.tanh(features @ state["fc1.weight"].T + state["fc1.bias"])
    y = torch.cat([x, lstm(x)[0]], -1)
    z = torch.relu(y @ state["fc2.weight"].T + state["fc2.bias"])
    logits = z @ state["fc3.weight"].T + state["fc3.bias"]
    if "refine.position" in state:
        logits = refined(state, features, logits)
    shared = logits.view(len(x), 4, 2, -1).softmax(1)
    widths = torch.tensor(edges).diff()
    return shared.repeat_interleave(widths, -1).permute(1, 2, 3, 0)


def refined(state: State, features: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The logits and what three convolutions over frames and bands add to them."""
    count = len(logits)
    local = (features - features.mean(1, keepdim=True)) / 4
    x = torch.cat([local.view(count, 4, -1), logits.view(count, 8, -1)], 1).transpose(0, 1)
    for n in (1, 2, 3):
        layer = torch.nn.Conv2d(*state[f"refine.conv{n}.weight"].shape[1::-1], (3, 3, 1)[n - 1],
                                padding="same")  # fmt: skip
        layer.load_state_dict({key: state[f"refine.conv{n}.{key}"] for key in ("weight", "bias")})
        x = layer(x)
        if n == 1:
            x = x + state["refine.position"]
        x = x.relu() if n < 3 else x
    return logits + x.transpose(0, 1).reshape(count, -1)


@torch.no_grad()
def whole(state: State, samples: np.ndarray) -> np.ndarray:
    """The stems of the definition, niter 0."""
    window = torch.hann_window(4096)
    audio = torch.from_numpy(samples)
    spectrum = torch.stft(audio, 4096, 1024, window=window, return_complex=True)
    stems = masks(state, spectrum) * spectrum
    found = torch.istft(stems.flatten(0, 1), 4096, 1024, window=window, length=samples.shape[1])
    return found.view(4, 2, -1).numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_joint(tmp_path_factory.mktemp("joint"), joint_state())


@pytest.mark.parametrize("added", [{}, refinement_state()], ids=["plain", "refined"])
def test_stems_are_those_of_the_definition(
    added: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = joint_state() | added
    samples = noise(300000)
    samples[:, 150000:] = samples[:1, 150000:]  # the second half is mono: no side signal at all
    expected = whole(state, samples)
    model = load(write_joint(tmp_path, state), TARGETS)
    np.testing.assert_allclose(run(model, samples, niter=0), expected, rtol=0, atol=1e-5)
    monkeypatch.setattr(streaming, "ANALYSIS_FRAMES", 11)
    monkeypatch.setattr(streaming, "SYNTHESIS_FRAMES", 13)
    monkeypatch.setattr(recurrence, "BLOCK_FRAMES", 17)
    np.testing.assert_allclose(run(model, samples, niter=0), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("window", [23, 600])
def test_refined_masks_do_not_depend_on_blocks(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the EM's windows cut the track, and where a window is read in several blocks."""
    samples = noise(300000)
    folder = write_joint(tmp_path, joint_state() | refinement_state())
    found = []
    for size in (256, 7):
        monkeypatch.setattr(streaming, "SYNTHESIS_FRAMES", size)
        monkeypatch.setattr(filtering, "LONG_WINDOW", 40)
        model = load(folder, TARGETS)
        found.append(run(model, samples, niter=1, wiener_win_len=window))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-5)


def test_stems_add_up(folder: Path) -> None:
    samples = noise(100000)
    np.testing.assert_allclose(
        run(load(folder, TARGETS), samples, niter=0).sum(0), samples, atol=1e-5
    )


def test_masks_are_softer_where_the_em_follows(folder: Path, tmp_path: Path) -> None:
    """The header's factor acts as if the logits were that small, with EM and only then."""
    samples = noise(100000)
    factor = write_joint(tmp_path / "factor", joint_state(), JOINT_HEADER | {"em_factor": "0.5"})
    state = joint_state()
    halved = write_joint(
        tmp_path / "halved", state | {key: state[key] / 2 for key in ("fc3.weight", "fc3.bias")}
    )
    soft = run(load(factor, TARGETS), samples, niter=1)
    np.testing.assert_allclose(soft, run(load(halved, TARGETS), samples, niter=1), atol=1e-6)
    assert np.abs(soft - run(load(folder, TARGETS), samples, niter=1)).max() > 1e-3
    np.testing.assert_array_equal(
        run(load(factor, TARGETS), samples, niter=0), run(load(folder, TARGETS), samples, niter=0)
    )


@pytest.mark.parametrize("options", [{"niter": 1}, {"niter": 0, "softmask": True, "alpha": 2}])
def test_some_of_the_targets(folder: Path, options: dict[str, Any]) -> None:
    samples = noise(100000)
    found = run(load(folder, ("bass", "vocals")), samples, residual=True, **options)
    assert found.shape == (3, 2, 100000)
    plain = run(load(folder, ("bass", "vocals")), samples, niter=0)
    everything = run(load(folder, TARGETS), samples, niter=0)
    np.testing.assert_allclose(plain, everything[[2, 0]], atol=1e-6)


def test_silence(folder: Path) -> None:
    assert not run(load(folder, TARGETS), np.zeros((2, 50000), np.float32)).any()


def broken(kind: str) -> tuple[State, dict[str, str]]:
    state, header = joint_state(), dict(JOINT_HEADER)
    if kind == "header":
        del header["feature_floor"]
    elif kind == "shape":
        state["fc2.bias"] = torch.zeros(3)
    elif kind == "missing":
        del state["lstm.bias_hh_l1"]
    elif kind == "foreign":
        state["encoder"] = torch.zeros(3)
    elif kind == "refined":
        state |= refinement_state()
        del state["refine.conv2.bias"]
    elif kind == "bands":
        state["band_edges"] = state["band_edges"] + 1
    elif kind == "targets":
        header["targets"] = "a,b,c,d"
    return state, header


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("header", "feature_floor"),
        ("shape", "fc2"),
        ("missing", "lstm.bias_hh_l1"),
        ("foreign", "encoder"),
        ("refined", "refine.conv2.bias"),
        ("bands", "do not cover"),
        ("targets", "does not match the description"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(kind: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        load(write_joint(tmp_path, *broken(kind)))
