"""From a card and a file to an MDX23C network, and everything that is refused on the way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

import mdx23cs
from checkpoints import Harm, refusal_by, save
from unmixcli.errors import ModelError
from unmixcli.models.interface import Model
from unmixcli.models.mdx23c.loading import load_model
from unmixcli.models.mdx23c.plugin import plugin

pytest.importorskip("pymss_core")

State = dict[str, torch.Tensor]


def load(path: Path, **fields: Any) -> Model:
    described = mdx23cs.card(path, **fields)
    weights = {item.file: path for item in described.weights}
    return load_model(described, weights, described.estimated, "cpu")


refusal = refusal_by(load)


@pytest.fixture(scope="module")
def state() -> State:
    return mdx23cs.mdx23c().state_dict()


def test_wrapped_checkpoints_and_safetensors(state: State, tmp_path: Path) -> None:
    assert load(save(tmp_path, {"state_dict": state})).targets == mdx23cs.PARTS
    path = tmp_path / "tiny.safetensors"
    save_file({key: tensor.clone() for key, tensor in state.items()}, path)
    assert load(path).channels == 2


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


def test_another_family_is_named(tmp_path: Path) -> None:
    keys = ("encoder.0.SDlayer.convs.0.weight", "separation_net.dp_modules.0.norm.weight")
    said = refusal(save(tmp_path, {key: torch.zeros(2) for key in keys}))
    assert "is not an MDX23C network" in said
    assert "this is an SCNet checkpoint" in said


@pytest.mark.parametrize(
    "key",
    [
        "first_conv.weight",
        "encoder_blocks.0.downscale.conv.2.weight",
        "encoder_blocks.0.tfc_tdf.blocks.0.tdf.2.weight",
        "encoder_blocks.1.tfc_tdf.blocks.1.tfc2.0.bias",
        "bottleneck_block.blocks.0.shortcut.weight",
        "decoder_blocks.0.upscale.conv.2.weight",
        "final_conv.2.weight",
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
    assert "is not an MDX23C network" in refusal(save(tmp_path, wrong))


def test_another_norm(tmp_path: Path) -> None:
    path = save(tmp_path, mdx23cs.mdx23c(norm="BatchNorm").state_dict())
    assert "running_mean" in refusal(path)


def test_more_and_fewer_targets_than_it_estimates(state: State, tmp_path: Path) -> None:
    path = save(tmp_path, state)
    said = refusal(path, targets=(*mdx23cs.PARTS, "ride"))
    assert "estimates 5 stems" in said
    assert "described as having 6" in said
    assert "described as having 4" in refusal(path, rest="cymbals")


def test_channels(state: State, tmp_path: Path) -> None:
    said = refusal(save(tmp_path, state), channels=3)
    assert "3 channels of audio, 16 of the spectrogram" in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hop": 0}, "key hop"),
        ({"hop": 160, "chunk": 3200}, "more than half a frame"),
        ({"chunk": 0}, "key chunk"),
        ({"chunk": 192}, "shorter than a frame"),
        ({"chunk": mdx23cs.CHUNK + 1}, "not a whole number of hops"),
        ({"chunk": mdx23cs.CHUNK + mdx23cs.HOP}, "give one of 33 × 16"),
        ({"overlap": 0}, "key overlap"),
        ({"n_fft": 124, "hop": 32, "chunk": 32 * 31}, "reads 64 bins"),
        ({"colour": "red"}, "key colour"),
    ],
    ids=str,
)
def test_wrong_cards(fields: dict[str, Any], words: str, state: State, tmp_path: Path) -> None:
    assert words in refusal(save(tmp_path, state), **fields)


# A user's own checkpoint


def description(**changes: Any) -> dict[str, Any]:
    """What Music-Source-Separation-Training keeps beside a checkpoint, as far as it matters."""
    sections: dict[str, Any] = {
        "audio": {
            "chunk_size": mdx23cs.CHUNK,
            "dim_f": 64,
            "dim_t": 32,
            "hop_length": mdx23cs.HOP,
            "n_fft": mdx23cs.N_FFT,
            "num_channels": 2,
            "sample_rate": mdx23cs.RATE,
        },
        "model": {
            "act": "gelu",
            "norm": "InstanceNorm",
            "num_subbands": 4,
            "num_scales": 2,
            "num_blocks_per_scale": 2,
            "bottleneck_factor": 2,
        },
        "training": {"instruments": list(mdx23cs.PARTS), "target_instrument": None},
        "inference": {"num_overlap": 8},
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
        assert (card.targets, card.rest) == (mdx23cs.PARTS, None)
        assert card.parameters == {
            "n_fft": mdx23cs.N_FFT,
            "hop": mdx23cs.HOP,
            "chunk": mdx23cs.CHUNK,
            "overlap": 8,
        }
        assert load_model(card, {"mine.ckpt": path}, card.targets, "cpu").sample_rate == 8000


def test_one_target_leaves_a_rest(tmp_path: Path) -> None:
    network = mdx23cs.mdx23c(("vocals", "other"), target="vocals")
    path = save(tmp_path, network.state_dict(), "mine.ckpt")
    training = {"training__instruments": ["vocals", "other"]}
    sections = description(**training, training__target_instrument="vocals")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(sections))
    card = plugin.file_card(path)
    assert card is not None
    assert (card.targets, card.rest, card.estimated) == (("vocals", "other"), "other", ("vocals",))
    assert load_model(card, {"mine.ckpt": path}, card.estimated, "cpu").targets == ("vocals",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model__norm": "BatchNorm"}, r"model\.norm is 'BatchNorm', and only InstanceNorm"),
        ({"model__act": "relu"}, r"model\.act is 'relu', and only gelu"),
        ({"audio__hop_length": 0}, "hop_length"),
        ({"audio__chunk_size": 0}, "chunk_size"),
    ],
    ids=str,
)
def test_descriptions_that_are_not_run(
    changes: dict[str, Any], words: str, state: State, tmp_path: Path
) -> None:
    save(tmp_path, state, "mine.ckpt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(description(**changes)))
    with pytest.raises(ModelError, match=words):
        plugin.folder_card(tmp_path)


def test_a_description_without_frames(state: State, tmp_path: Path) -> None:
    save(tmp_path, state, "mine.ckpt")
    sections = description()
    del sections["audio"]["n_fft"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(sections))
    with pytest.raises(ModelError, match="section audio lacks n_fft"):
        plugin.folder_card(tmp_path)
