"""A user's own checkpoint, from a folder to stems on the disk."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml

import roformers
from running import Outcome
from sounds import music, write_float
from unmixcli.errors import ModelError
from unmixcli.models.roformer.plugin import plugin

pytest.importorskip("bs_roformer")
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

Run = Callable[..., Outcome]

CONFIG: dict[str, Any] = {
    "audio": {"chunk_size": 1600, "sample_rate": 8000, "num_channels": 2},
    "model": {
        "dim": 24,
        "stereo": True,
        "num_stems": 1,
        "freqs_per_bands": roformers.BANDS,
        "stft_n_fft": roformers.N_FFT,
        "stft_hop_length": roformers.HOP,
        "stft_win_length": roformers.N_FFT,
        "skip_connection": False,
        "linear_transformer_depth": 0,
    },
    "training": {"instruments": ["vocals", "instrumental"], "target_instrument": "vocals"},
    "inference": {"num_overlap": 2},
}


def describe(folder: Path, **model: Any) -> Path:
    content = deepcopy(CONFIG)
    content["model"] |= model
    path = folder / "config.yaml"
    path.write_text(yaml.dump(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    folder.mkdir()
    describe(folder)
    state = roformers.bs_roformer().state_dict()
    torch.save({"state_dict": state, "epoch": 1}, folder / "weights (1).ckpt")
    return folder


def test_card(folder: Path) -> None:
    card = plugin.folder_card(folder)
    assert card is not None
    assert (card.name, card.targets) == ("my-model", ("vocals", "instrumental"))
    assert (card.sample_rate, card.channels) == (8000, 2)
    assert card.parameters == {
        "hop": roformers.HOP,
        "chunk": 1600,
        "overlap": 2,
        "n_fft": roformers.N_FFT,
    }
    assert card.rest == "instrumental"
    (weights,) = card.weights
    assert weights.path == folder / "weights (1).ckpt"
    file_card = plugin.file_card(folder / "weights (1).ckpt")
    assert file_card is not None
    assert file_card.name == "weights--1-"
    assert file_card.parameters == card.parameters


def test_command(folder: Path, run: Run) -> None:
    mixture = music(1.5, 8000)
    write_float(Path("song.wav"), mixture, 8000)
    how = ("--bit-depth", "32f")
    done = run("separate", "song.wav", "--model", folder, "--outdir", "a", *how)
    assert done.code == 0, done.err
    done = run(
        "separate", "song.wav", "--model", folder / "weights (1).ckpt", "--outdir", "b", *how
    )
    assert done.code == 0, done.err
    stems = []
    for name in ("vocals", "instrumental"):
        (first,) = Path("a").rglob(f"{name}.wav")
        (second,) = Path("b").rglob(f"{name}.wav")
        stems.append(soundfile.read(first, dtype="float32")[0])
        assert np.array_equal(stems[-1], soundfile.read(second, dtype="float32")[0])
    assert np.array_equal(stems[1], mixture - stems[0])
    assert np.abs(stems[0]).max() > 0.01


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("skip_connection", True),
        ("linear_transformer_depth", 1),
        ("use_pope", True),
        ("stft_win_length", 64),
    ],
)
def test_variants_that_no_tensor_shows(key: str, value: Any, folder: Path) -> None:
    describe(folder, **{key: value})
    with pytest.raises(ModelError, match=f"model.{key} is {value}, a variant that is not run"):
        plugin.folder_card(folder)


def test_other_architectures_are_left_to_others(folder: Path) -> None:
    content = CONFIG | {"model": {"band_SR": [0.2, 0.8], "hop_size": 1024, "sources": ["a"]}}
    (folder / "config.yaml").write_text(yaml.dump(content))
    assert plugin.folder_card(folder) is None
    assert plugin.file_card(folder / "weights (1).ckpt") is None


def test_a_description_that_would_run_code(folder: Path, run: Run) -> None:
    text = (folder / "config.yaml").read_text()
    evil = text + "extra: !!python/object/apply:pathlib.Path.touch [harm]\n"
    (folder / "config.yaml").write_text(evil)
    write_float(Path("song.wav"), music(0.2, 8000), 8000)
    done = run("separate", "song.wav", "--model", folder)
    assert done.code == 3
    assert "only plain values are read" in done.error
    assert not Path("harm").exists()


def test_a_description_that_does_not_fit_the_checkpoint(folder: Path, run: Run) -> None:
    describe(folder, stft_n_fft=256, stft_win_length=256)
    write_float(Path("song.wav"), music(0.2, 8000), 8000)
    done = run("separate", "song.wav", "--model", folder)
    assert done.code == 3
    assert "has frames of 128 samples, but my-model is described as having 256" in done.error
