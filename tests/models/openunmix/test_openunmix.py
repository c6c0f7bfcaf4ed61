"""The Open-Unmix model, compared with the package `openunmix` and between block sizes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from checkpoints import Harm
from networks import LEGACY, State, four_states, random_state, write_folder
from openunmix_models import ask, load, run
from streams import ArrayMixture, ignore, noise
from unmixcli.errors import ModelError, SpoolError
from unmixcli.models.openunmix import filtering, plugin, recurrence, rows, streaming
from unmixcli.models.openunmix.checkpoint import read_checkpoint
from unmixcli.models.openunmix.streaming import OpenUnmix

RATE = 44100


def reference(states: dict[str, State], samples: np.ndarray, **options: Any) -> np.ndarray:
    """What openunmix 1.3.0 makes of the same weights; targets in the order of `states`."""
    openunmix = pytest.importorskip("openunmix.model")
    networks = {}
    for target, state in states.items():
        bins = state["output_mean"].numel()
        hidden, inputs = state["fc1.weight"].shape
        networks[target] = openunmix.OpenUnmix(
            nb_bins=bins,
            nb_channels=inputs // state["input_mean"].numel(),
            hidden_size=hidden,
            unidirectional="lstm.weight_ih_l0_reverse" not in state,
            max_bin=state["input_mean"].numel(),
        )
        networks[target].load_state_dict(state)
    first = next(iter(states.values()))
    n_fft = 2 * (first["output_mean"].numel() - 1)
    separator = openunmix.Separator(
        networks,
        n_fft=n_fft,
        n_hop=n_fft // 4,
        nb_channels=1 if first["fc1.weight"].shape[1] == first["input_mean"].numel() else 2,
        **options,
    )
    separator.freeze()
    with torch.no_grad():
        found: np.ndarray = separator(torch.from_numpy(samples)[None])[0].numpy()
    return found


@pytest.fixture(scope="module")
def tiny(tiny_model: Path) -> OpenUnmix:
    return load(tiny_model, ("vocals", "drums", "bass", "other"))


@pytest.mark.parametrize("niter", [0, 1, 2])
@pytest.mark.parametrize("length", [2049, 30000, 350000])
def test_every_stem_is_that_of_the_reference(tiny: OpenUnmix, niter: int, length: int) -> None:
    samples = noise(length)
    expected = reference(four_states(hidden=16), samples, niter=niter)
    found = run(tiny, samples, niter=niter)
    assert found.shape == expected.shape == (4, 2, length)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_true_size(tmp_path: Path) -> None:
    """The size of umxhq: hidden 512, so that nothing depends on the tests' small networks."""
    states = {name: random_state(512, seed=k) for k, name in enumerate(("vocals", "drums"))}
    samples = noise(100000)
    found = run(load(write_folder(tmp_path, states), ("vocals", "drums")), samples, niter=1)
    np.testing.assert_allclose(found, reference(states, samples, niter=1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("options", [{"niter": 0}, {"niter": 1}, {"niter": 2, "residual": True}])
def test_block_sizes_do_not_show(
    tiny: OpenUnmix, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    samples = noise(400000)
    whole = run(tiny, samples, block=400000, **options)
    for frames, block in ((7, 999), (64, 30000), (5000, 1)):
        monkeypatch.setattr(streaming, "ANALYSIS_FRAMES", frames)
        monkeypatch.setattr(streaming, "SYNTHESIS_FRAMES", frames)
        monkeypatch.setattr(recurrence, "BLOCK_FRAMES", frames)
        found = run(tiny, samples, block=max(block, 500), **options)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)


def test_spooled_to_a_file(
    tiny: OpenUnmix, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    samples = noise(300000)
    whole = run(tiny, samples)
    monkeypatch.setattr(rows, "MEMORY_LIMIT", 0)
    opened: list[Any] = []
    real = rows.open_scratch
    monkeypatch.setattr(rows, "open_scratch", lambda *a: opened.append(a) or real(*a))
    np.testing.assert_array_equal(run(tiny, samples, temp_dir=tmp_path), whole)
    assert opened[0][0] == tmp_path
    assert not list(tmp_path.iterdir())


def test_no_room_to_spool_is_said_before_work_starts(
    tiny: OpenUnmix, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rows, "MEMORY_LIMIT", 0)

    class Endless(ArrayMixture):
        length = 10**14

    mixture = Endless(noise(300000))
    stages: list[str] = []
    request = ask(temp_dir=tmp_path)
    with pytest.raises(SpoolError, match=r"no room.*--temp-dir"):
        next(tiny.separate(mixture, request, lambda stage, fraction: stages.append(stage)))
    assert not stages
    request = ask(temp_dir=tmp_path / "missing")
    with pytest.raises(SpoolError, match=r"cannot be written.*--temp-dir"):
        next(tiny.separate(ArrayMixture(noise(3000)), request, ignore))


@pytest.mark.parametrize("niter", [1, 2])
@pytest.mark.parametrize("window", [0, 90, 37])
def test_windows_longer_than_a_block(
    tiny: OpenUnmix, monkeypatch: pytest.MonkeyPatch, niter: int, window: int
) -> None:
    """Windows too long for one block are measured first; the numbers are those of the window."""
    samples = noise(250000)
    expected = reference(
        four_states(hidden=16), samples, niter=niter, wiener_win_len=window or None
    )
    monkeypatch.setattr(filtering, "LONG_WINDOW", 20)
    monkeypatch.setattr(streaming, "SYNTHESIS_FRAMES", 16)
    found = run(tiny, samples, niter=niter, wiener_win_len=window)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_one_direction(tmp_path: Path) -> None:
    states = {"vocals": random_state(16, bidirectional=False), "drums": random_state(16, seed=1)}
    samples = noise(200000)
    found = run(load(write_folder(tmp_path, states), ("vocals", "drums")), samples, niter=1)
    np.testing.assert_allclose(found, reference(states, samples, niter=1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("niter", [0, 1])
def test_one_channel_network(tmp_path: Path, channels: int, niter: int) -> None:
    """As umxse: small frames, one channel, whose estimate serves both of a stereo mixture."""
    states = {
        name: random_state(16, n_fft=1024, bins=None, channels=1, seed=k)
        for k, name in enumerate(("speech", "noise"))
    }
    folder = write_folder(tmp_path, states, n_fft=1024, hop=256, sample_rate=16000)
    model = load(folder, ("speech", "noise"))
    assert model.sample_rate == 16000
    assert model.channels is None
    samples = noise(60000, channels)
    found = run(model, samples, niter=niter)
    expected = reference(states, samples, niter=niter)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_networks_of_different_sizes(tmp_path: Path) -> None:
    states = {
        "vocals": random_state(16, bins=800),
        "drums": random_state(24, bins=1487, seed=1, layers=2),
    }
    openunmix = pytest.importorskip("openunmix.model")
    samples = noise(90000)
    model = load(write_folder(tmp_path, states), ("drums", "vocals"))
    found = run(model, samples, niter=0)
    network = openunmix.OpenUnmix(2049, 2, 24, nb_layers=2, max_bin=1487)
    network.load_state_dict(states["drums"])
    separator = openunmix.Separator({"drums": network}, niter=0)
    separator.freeze()
    with torch.no_grad():
        drums = separator(torch.from_numpy(samples)[None])[0, 0]
    np.testing.assert_allclose(found[0], drums, rtol=0, atol=1e-4)
    vocals = reference({"vocals": states["vocals"]}, samples, niter=0)[0]
    np.testing.assert_allclose(found[1], vocals, rtol=0, atol=1e-4)


def test_one_target_is_refined_against_the_rest(tiny_model: Path) -> None:
    """The EM needs an opponent: the residual takes part and is written only if asked for."""
    model = load(tiny_model, ("vocals",))
    samples = noise(100000)
    alone = run(model, samples, niter=1)
    both = run(model, samples, niter=1, residual=True)
    assert alone.shape[0] == 1
    assert both.shape[0] == 2
    np.testing.assert_array_equal(alone[0], both[0])
    np.testing.assert_allclose(both.sum(0), samples, atol=2e-3)


def test_alpha_matters_with_softmask_only(tiny: OpenUnmix) -> None:
    samples = noise(50000)
    plain = run(tiny, samples)
    np.testing.assert_array_equal(run(tiny, samples, alpha=2.0), plain)
    soft = run(tiny, samples, softmask=True)
    assert np.abs(soft - plain).max() > 1e-3
    assert np.abs(run(tiny, samples, softmask=True, alpha=2.0) - soft).max() > 1e-3


@pytest.mark.parametrize("length", [1, 2, 1000, 2048])
def test_shorter_than_a_window(tiny: OpenUnmix, length: int) -> None:
    found = run(tiny, noise(length), niter=1, residual=True)
    assert found.shape == (5, 2, length)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("options", [{"niter": 0}, {"niter": 2, "residual": True}])
@pytest.mark.parametrize("softmask", [False, True])
def test_silence(tiny: OpenUnmix, options: dict[str, Any], softmask: bool) -> None:
    found = run(tiny, np.zeros((2, 100000), np.float32), softmask=softmask, **options)
    assert not found.any()


def test_progress_reaches_the_end_and_never_goes_back(tiny: OpenUnmix) -> None:
    seen: list[float] = []
    mixture = ArrayMixture(noise(300000))
    request = ask(wiener_win_len=0)
    for _ in tiny.separate(mixture, request, lambda stage, fraction: seen.append(fraction)):
        pass
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_leaving_early_leaves_no_work_behind(tiny: OpenUnmix) -> None:
    blocks = tiny.separate(ArrayMixture(noise(900000)), ask(), ignore)
    next(blocks)
    blocks.close()
    assert tiny._workers._pool._work_queue.qsize() == 0


# Checkpoints and folders


def test_published_layout_loads(tmp_path: Path) -> None:
    torch.save(random_state(16) | LEGACY, tmp_path / "vocals.pth")
    checkpoint = read_checkpoint(tmp_path / "vocals.pth")
    sizes = (checkpoint.bins, checkpoint.output_bins, checkpoint.channels, checkpoint.hidden)
    assert sizes == (1487, 2049, 2, 16)


def damaged(kind: str, path: Path) -> None:
    state: dict[str, Any] = random_state(16)
    if kind == "missing key":
        del state["bn2.bias"]
    elif kind == "foreign key":
        state["encoder.weight"] = torch.zeros(3)
    elif kind == "wrong shape":
        state["fc2.weight"] = torch.zeros(16, 31)
    elif kind == "layer missing":
        state = {key: value for key, value in state.items() if "_l1" not in key}
    elif kind == "code":
        path.write_bytes(pickle.dumps({"fc1.weight": Harm()}))
        return
    elif kind == "module":
        torch.save(torch.nn.Linear(2, 2), path)
        return
    elif kind == "text":
        path.write_text("these are not weights")
        return
    elif kind == "cut":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:20000])
        return
    elif kind == "empty":
        path.touch()
        return
    elif kind == "tensor":
        state = torch.zeros(3)  # type: ignore[assignment]
    elif kind == "snapshot":
        state = {"state_dict": state, "optimizer": {}, "epoch": 3}
    elif kind == "strings":
        state["note"] = "hello"
    torch.save(state, path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing key", "lacks bn2.bias"),
        ("foreign key", "encoder.weight"),
        ("wrong shape", r"fc2.weight has the shape \(16, 31\)"),
        ("layer missing", "lacks lstm"),
        ("code", "run code"),
        ("module", "run code"),
        ("text", "checkpoint"),
        ("cut", "checkpoint"),
        ("empty", "checkpoint"),
        ("tensor", "holds a Tensor"),
        ("snapshot", "training snapshot"),
        ("strings", "note"),
    ],
)
def test_a_file_that_is_no_network_is_refused(
    kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "vocals.pth"
    damaged(kind, path)
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "exploded").exists()


def test_names_of_checkpoints(tmp_path: Path) -> None:
    write_folder(tmp_path, {"vocals": random_state(16)})
    (tmp_path / "vocals.chkpnt").write_bytes(b"not ours")
    (tmp_path / "vocals.pth").rename(tmp_path / "vocals-b62c91ce.pth")
    assert load(tmp_path).targets == ("vocals",)
    (tmp_path / "vocals_other.pth").write_bytes(b"")
    with pytest.raises(ModelError, match="several files"):
        load(tmp_path)


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    assert plugin.folder_card(tmp_path) is None
    torch.save(random_state(16), tmp_path / "vocals.pth")
    with pytest.raises(ModelError, match=r"no TARGET\.json"):
        plugin.folder_card(tmp_path)
    (tmp_path / "drums.json").write_text(json.dumps({"args": {"nfft": 4096}}))
    with pytest.raises(ModelError, match=r"no drums\.pth"):
        plugin.folder_card(tmp_path)
    (tmp_path / "drums.json").write_text("{")
    with pytest.raises(ModelError, match=r"drums\.json cannot be read as JSON"):
        plugin.folder_card(tmp_path)


def test_tensors_count_over_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_folder(tmp_path, {"vocals": random_state(16)})
    samples = noise(20000)
    expected = run(load(folder), samples)
    assert not caplog.records
    arguments = {"nfft": 2048, "nhop": 1024, "hidden_size": 512, "bandwidth": 8000}
    (folder / "vocals.json").write_text(json.dumps({"args": arguments}))
    np.testing.assert_array_equal(run(load(folder), samples), expected)
    for words in ("nfft is 2048", "hidden_size is 512", "bandwidth is 8000"):
        assert words in caplog.text


def test_networks_that_do_not_fit_together(tmp_path: Path) -> None:
    states = {"vocals": random_state(16), "drums": random_state(16, n_fft=2048, bins=700)}
    with pytest.raises(ModelError, match="differ in n_fft"):
        load(write_folder(tmp_path, states))
