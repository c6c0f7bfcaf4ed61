"""From a card and a file to a model, and everything that is refused on the way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import roformers
from checkpoints import Harm, refusal_by, save
from unmixcli.errors import ModelError
from unmixcli.models.roformer.loading import load_model
from unmixcli.models.roformer.plugin import plugin

pytest.importorskip("bs_roformer")

State = dict[str, torch.Tensor]
ATTENTION = "layers.0.0.layers.0.0"


def load(path: Path, wanted: tuple[str, ...] = (), **fields: Any) -> Any:
    described = roformers.card(path, **fields)
    weights = {item.file: path for item in described.weights}
    return load_model(described, weights, wanted or described.estimated, "cpu")


refusal = refusal_by(load)


@pytest.fixture(scope="module")
def state() -> State:
    return roformers.bs_roformer().state_dict()


@pytest.fixture(scope="module")
def four() -> State:
    return roformers.bs_roformer(num_stems=4).state_dict()


def test_targets_and_channels(state: State, tmp_path: Path) -> None:
    model = load(save(tmp_path, state), targets=("speech",), channels=2)
    assert (model.targets, model.channels, model.sample_rate) == (("speech",), 2, roformers.RATE)


def test_safetensors(state: State, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file({key: tensor.clone() for key, tensor in state.items()}, path)
    assert load(path).targets == ("vocals",)


def test_metadata_beside_the_tensors_is_left_alone(state: State, tmp_path: Path) -> None:
    assert load(save(tmp_path, state | {"_metadata": {"": {"version": 1}}})).targets == ("vocals",)


def test_mel_bands_of_another_size_are_found_by_their_n_fft(tmp_path: Path) -> None:
    network = roformers.mel_roformer(num_bands=12, stft_n_fft=256, stft_win_length=256)
    path = save(tmp_path, network.state_dict())
    fields: dict[str, Any] = {"sample_rate": 44100, "hop": 64}
    assert load(path, n_fft=256, **fields).channels == 2
    assert "12 bands are not the mel bands at 44100 Hz" in refusal(path, **fields)
    assert "at 22050 Hz for n_fft 256" in refusal(
        path, n_fft=256, **fields | {"sample_rate": 22050}
    )


# What is not such a network


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (f"{ATTENTION}.branch.norm.gamma", "hyper-connections"),
        ("mask_estimators.0.segm.backbone.stem.weight", "HyperACE"),
        ("mask_estimators.0.fno.fno_blocks.convs.0.weight", "FNO"),
        (f"{ATTENTION}.pope_embed.inv_freqs", "PolarFormer"),
        (f"{ATTENTION}.to_value_residual_mix.weight", "value residuals"),
        (f"{ATTENTION}.temperature", "linear attention"),
        ("layers.0.2.layers.0.0.norm.gamma", "three transformers"),
        ("layers.0.0.layers.0.ff1.ff.net.0.gamma", "conformer"),
        ("layers.0.0.forward_blocks.0.mixer.A_log", "Mamba"),
        ("freq_domain_model.band_split.to_features.0.0.weight", "Mini-BS-RoFormer"),
    ],
)
def test_variants_are_named(key: str, name: str, state: State, tmp_path: Path) -> None:
    said = refusal(save(tmp_path, state | {key: torch.zeros(2)}))
    assert name in said
    assert "not run" in said


def test_linear_transformers_of_mel_are_named(tmp_path: Path) -> None:
    network = roformers.mel_roformer(linear_transformer_depth=1)
    said = refusal(save(tmp_path, network.state_dict()), sample_rate=44100, hop=128)
    assert "linear attention" in said


def test_another_family_is_named(tmp_path: Path) -> None:
    keys = ("encoder.0.SDlayer.convs.0.weight", "separation_net.dp_modules.0.norm.weight")
    said = refusal(save(tmp_path, {key: torch.zeros(2) for key in keys}))
    assert "this is an SCNet checkpoint" in said


def test_a_pickle_that_would_run_code(tmp_path: Path) -> None:
    harm = Harm(tmp_path / "harm")
    path = tmp_path / "tiny.ckpt"
    path.write_bytes(pickle.dumps({"state": harm}))
    assert str(path) in refusal(path)
    save(tmp_path, {"state": harm})
    assert "code" in refusal(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["tiny.ckpt", "tiny.safetensors"])
def test_truncated(name: str, state: State, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".ckpt":
        torch.save(state, path)
    else:
        save_file({key: tensor.clone() for key, tensor in state.items()}, path)
    path.write_bytes(path.read_bytes()[:-5000])
    assert str(path) in refusal(path)


def test_nothing_of_it(tmp_path: Path) -> None:
    said = refusal(save(tmp_path, {"weight": torch.zeros(2)}))
    assert "is not a BS-RoFormer or Mel-Band RoFormer network: it has no layers.0" in said


@pytest.mark.parametrize(
    "key",
    [
        f"{ATTENTION}.to_out.0.weight",
        f"{ATTENTION}.rotary_embed.freqs",
        "layers.1.1.layers.0.1.net.4.bias",
        "band_split.to_features.3.1.weight",
        "mask_estimators.0.to_freqs.9.0.2.bias",
    ],
)
def test_a_tensor_is_missing(key: str, state: State, tmp_path: Path) -> None:
    left = {name: tensor for name, tensor in state.items() if name != key}
    said = refusal(save(tmp_path, left))
    assert f"it lacks {key}" in said


def test_without_its_last_norm_it_would_be_mel(state: State, tmp_path: Path) -> None:
    left = {name: tensor for name, tensor in state.items() if name != "final_norm.gamma"}
    assert "its 10 bands are not the mel bands" in refusal(save(tmp_path, left))


def test_foreign_tensors(state: State, tmp_path: Path) -> None:
    said = refusal(save(tmp_path, state | {"extra.weight": torch.zeros(2)}))
    assert "it has extra.weight, which do not belong there" in said


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (f"{ATTENTION}.to_qkv.weight", (72, 25)),
        (f"{ATTENTION}.to_qkv.weight", (73, 24)),
        (f"{ATTENTION}.to_qkv.weight", (9, 24)),
        (f"{ATTENTION}.to_gates.weight", (24,)),
        (f"{ATTENTION}.to_gates.weight", (0, 24)),
        ("layers.1.0.layers.0.1.net.1.weight", (24, 96)),
        ("band_split.to_features.0.0.gamma", (6,)),
        ("band_split.to_features.9.0.gamma", (4 << 20,)),
        ("mask_estimators.0.to_freqs.0.0.0.bias", (95,)),
        ("mask_estimators.0.to_freqs.0.0.2.weight", (9, 96)),
        ("final_norm.gamma", (24, 1)),
    ],
)
def test_shapes_that_do_not_go_together(
    key: str, shape: tuple[int, ...], state: State, tmp_path: Path
) -> None:
    said = refusal(save(tmp_path, state | {key: torch.zeros(shape)}))
    assert "is not a BS-RoFormer or Mel-Band RoFormer network" in said


def test_numbers_that_are_no_counts(state: State, tmp_path: Path) -> None:
    gap = state | {"layers.99999999.0.layers.0.0.norm.gamma": torch.zeros(24)}
    assert "it has no layers.0" in refusal(save(tmp_path, gap))


# Cards that do not fit the file, or make no sense


def test_more_targets_than_heads(state: State, tmp_path: Path) -> None:
    path = save(tmp_path, state)
    said = refusal(path, targets=("vocals", "drums"))
    assert "estimates 1 stem, but tiny is described as having 2: vocals, drums" in said
    said = refusal(path, heads={"vocals": 3})
    assert "it has no head 3 for vocals" in said


def test_fewer_targets_than_heads_need_to_be_told_apart(four: State, tmp_path: Path) -> None:
    path = save(tmp_path, four)
    assert "estimates 4 stems" in refusal(path)
    assert load(path, targets=("a", "b"), heads={"a": 3, "b": 0}).targets == ("a", "b")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hop": 0}, "key hop: Input should be greater than 0"),
        ({"chunk": 0}, "key chunk: Input should be greater than 0"),
        ({"overlap": 0}, "key overlap"),
        ({"odd": 1}, "key odd"),
        ({"heads": {"vocals": -1}}, "key heads.vocals"),
        ({"heads": {"drums": 0}}, "'drums' is in one of heads and targets only"),
        (
            {"targets": ("a", "b"), "rest": "b", "heads": {"a": 0, "b": 1}},
            "'b' is in one of heads and targets only",
        ),
        ({"hop": 65}, "hop of 65 samples, more than half of its frames of 128"),
        ({"chunk": 100}, "reading 100 samples at a time, less than one frame of 128"),
        ({"channels": 1}, "has 2 channels, but tiny is described as having 1"),
        ({"n_fft": 256}, "has frames of 128 samples, but tiny is described as having 256"),
    ],
)
def test_cards_that_make_no_sense(
    fields: dict[str, Any], words: str, state: State, tmp_path: Path
) -> None:
    path = save(tmp_path, state)
    assert words in refusal(path, **fields)


def test_parameters_are_checked_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the parameters of tiny, key hop"):
        plugin.check(roformers.card(tmp_path / "missing", hop=-1))
    plugin.check(roformers.card(tmp_path / "missing"))
