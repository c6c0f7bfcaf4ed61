"""From a card and a file to an SCNet, and everything that is refused on the way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

import scnets
from checkpoints import Harm, refusal_by, save
from unmixcli.errors import ModelError
from unmixcli.models.interface import Model
from unmixcli.models.scnet.loading import load_model
from unmixcli.models.scnet.plugin import plugin

pytest.importorskip("pymss_core")

State = dict[str, torch.Tensor]


def load(path: Path, **fields: Any) -> Model:
    described = scnets.card(path, **fields)
    weights = {item.file: path for item in described.weights}
    return load_model(described, weights, described.targets, "cpu")


refusal = refusal_by(load)


@pytest.fixture(scope="module")
def state() -> State:
    return scnets.scnet(num_dplayer=2).state_dict()


@pytest.mark.parametrize("wrapper", ["state", "state_dict", "model_state_dict"])
def test_wrapped_checkpoints(wrapper: str, state: State, tmp_path: Path) -> None:
    model = load(save(tmp_path, {wrapper: state, "epoch": 36}))
    assert (model.targets, model.channels) == (scnets.SOURCES, 2)


def test_safetensors(state: State, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file({key: tensor.clone() for key, tensor in state.items()}, path)
    assert load(path).targets == scnets.SOURCES


# What is not such a network


def test_a_pickle_that_would_run_code(tmp_path: Path) -> None:
    harm = Harm(tmp_path / "harm")
    path = tmp_path / "tiny.ckpt"
    path.write_bytes(pickle.dumps({"state": harm}))
    assert str(path) in refusal(path)
    assert "code" in refusal(save(tmp_path, {"state": harm}))
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


def test_more_numbers_than_the_file_has(state: State, tmp_path: Path) -> None:
    """Two gigabytes that one number stands for."""
    key = "encoder.0.globalconv.weight"
    vast = torch.zeros(1).expand(1 << 15, 1 << 14, 1, 1)
    assert str(tmp_path) in refusal(save(tmp_path, state | {key: vast}))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("mask_layer.0.weight", "a mask"),
        ("pos_embed_f", "a mask"),
        ("separation_net.dp_modules.0.time_layer.norm.gamma", "transformers"),
    ],
)
def test_variants_are_named(key: str, name: str, state: State, tmp_path: Path) -> None:
    said = refusal(save(tmp_path, state | {key: torch.zeros(2)}))
    assert name in said
    assert "not run" in said


def test_another_family_is_named(tmp_path: Path) -> None:
    keys = ("first_conv.weight", "encoder_blocks.0.tfc_tdf.blocks.0.a", "final_conv.0.weight")
    said = refusal(save(tmp_path, {key: torch.zeros(2) for key in keys}))
    assert "is not an SCNet network" in said
    assert "this is an MDX23C checkpoint" in said


@pytest.mark.parametrize(
    "key",
    [
        "encoder.0.SDlayer.convs.0.weight",
        "encoder.2.globalconv.bias",
        "encoder.1.conv_modules.2.layers.0.6.weight",
        "separation_net.dp_modules.1.lstm_layers.1.weight_ih_l0_reverse",
        "decoder.2.1.convtrs.0.weight",
        "decoder.0.0.conv.weight",
    ],
)
@pytest.mark.parametrize("fault", ["missing", "empty", "another shape", "more dimensions"])
def test_wrong_tensors(key: str, fault: str, state: State, tmp_path: Path) -> None:
    wrong = dict(state)
    tensor = wrong.pop(key)
    if fault == "empty":
        wrong[key] = torch.zeros(0)
    elif fault == "another shape":
        wrong[key] = torch.zeros([size + 2 for size in tensor.shape])
    elif fault == "more dimensions":
        wrong[key] = tensor[None]
    assert "is not an SCNet network" in refusal(save(tmp_path, wrong))


def test_foreign_tensors(state: State, tmp_path: Path) -> None:
    said = refusal(save(tmp_path, state | {"optimizer": torch.zeros(2)}))
    assert "it has optimizer, which do not belong there" in said


def test_nothing_of_it(tmp_path: Path) -> None:
    assert "it lacks encoder.0.SDlayer" in refusal(save(tmp_path, {"weight": torch.zeros(2)}))


def test_an_odd_number_of_layers(tmp_path: Path) -> None:
    path = save(tmp_path, scnets.scnet(num_dplayer=3).state_dict())
    assert "3 layers do not go together" in refusal(path)


def test_more_and_fewer_targets_than_it_estimates(state: State, tmp_path: Path) -> None:
    path = save(tmp_path, state)
    said = refusal(path, targets=(*scnets.SOURCES, "guitar"))
    assert "estimates 4 stems" in said
    assert "described as having 5" in said
    assert "described as having 1" in refusal(path, targets=("vocals",))


def test_channels(state: State, tmp_path: Path) -> None:
    assert "has 2 channels" in refusal(save(tmp_path, state), channels=1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hop": 0}, "key hop"),
        ({"hop": 200}, "leaves gaps"),
        ({"chunk": 0}, "key chunk"),
        ({"chunk": 100}, "shorter than a frame"),
        ({"overlap": 0}, "key overlap"),
        ({"n_fft": 129}, "key n_fft"),
        ({"band_ratios": (0.99, 0.005, 0.005)}, "make no bands"),
        ({"band_ratios": (0.5, 0.6, 0.7)}, "add up to 1"),
        ({"band_ratios": (0.5, -0.1, 0.6)}, "positive"),
        ({"band_ratios": (0.5, 0.5), "band_strides": (1, 4)}, "it has 3 bands, and 2"),
        ({"band_strides": (1, 4)}, "equally many"),
        ({"band_strides": (1, 4, 0)}, "1 or more"),
        ({"band_strides": (1, 8, 16)}, "make no bands"),
        ({"colour": "red"}, "key colour"),
    ],
    ids=str,
)
def test_wrong_cards(fields: dict[str, Any], words: str, state: State, tmp_path: Path) -> None:
    assert words in refusal(save(tmp_path, state), **fields)


def test_a_card_is_checked_before_anything_is_fetched() -> None:
    with pytest.raises(ModelError, match="key hop"):
        plugin.check(scnets.card(Path("nowhere.ckpt"), hop=0))


# A user's own checkpoint


def description(**changes: Any) -> dict[str, Any]:
    """What Music-Source-Separation-Training keeps beside a checkpoint, as far as it matters."""
    sections: dict[str, Any] = {
        "audio": {"chunk_size": scnets.CHUNK, "num_channels": 2, "sample_rate": scnets.RATE},
        "model": {
            "sources": list(scnets.SOURCES),
            "audio_channels": 2,
            "dims": [4, 8, 12, 16],
            "nfft": scnets.N_FFT,
            "hop_size": scnets.HOP,
            "win_size": scnets.N_FFT,
            "normalized": True,
            "band_SR": list(scnets.RATIOS),
            "band_stride": list(scnets.STRIDES),
            "num_dplayer": 2,
        },
        "training": {"instruments": list(scnets.SOURCES), "target_instrument": None},
        "inference": {"num_overlap": 3, "normalize": False},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        sections[section][name] = value
    return sections


def test_a_folder_and_a_file_with_a_description(state: State, tmp_path: Path) -> None:
    path = save(tmp_path, state, "mine.ckpt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(description()))
    for card in (plugin.folder_card(tmp_path), plugin.file_card(path)):
        assert card is not None
        assert (card.targets, card.rest, card.channels) == (scnets.SOURCES, None, 2)
        assert card.parameters["overlap"] == 3
        assert load_model(card, {"mine.ckpt": path}, card.targets, "cpu").sample_rate == 8000


def test_a_description_with_another_window(state: State, tmp_path: Path) -> None:
    save(tmp_path, state, "mine.ckpt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(description(model__win_size=64)))
    with pytest.raises(ModelError, match=r"model\.win_size is 64"):
        plugin.folder_card(tmp_path)


def test_a_folder_of_another_family(state: State, tmp_path: Path) -> None:
    save(tmp_path, state, "mine.ckpt")
    assert plugin.folder_card(tmp_path) is None
    sections = description()
    sections["model"] = {"num_subbands": 4, "num_scales": 5}
    sections["audio"]["hop_length"] = 64
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(sections))
    assert plugin.folder_card(tmp_path) is None
