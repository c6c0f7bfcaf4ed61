"""Read the descriptions that authors publish, and refuse invalid ones."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from unmixcli.errors import ModelError
from unmixcli.models.published import PublishedConfig, find_beside, find_in_folder, read_published

BS: dict[str, Any] = {
    "audio": {
        "chunk_size": 352800,
        "dim_t": 801,
        "hop_length": 441,
        "num_channels": 2,
        "sample_rate": 44100,
    },
    "model": {
        "dim": 256,
        "depth": 12,
        "stereo": True,
        "num_stems": 1,
        "freqs_per_bands": (2, 2, 4),
        "stft_hop_length": 512,
        "stft_n_fft": 2048,
    },
    "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals", "lr": 1e-5},
    "inference": {"batch_size": 1, "dim_t": 1101, "num_overlap": 4},
}


def described(folder: Path, changes: dict[str, Any] | None = None) -> Path:
    """Write a description; ``{"section.key": value}`` changes it, None takes away."""
    content = deepcopy(BS)
    for name, value in (changes or {}).items():
        section, _, key = name.partition(".")
        place, key = (content[section], key) if key else (content, section)
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    path = folder / "model.yaml"
    path.write_text(yaml.dump(content))  # writes tuples as training scripts do
    return path


def read(folder: Path, **changes: Any) -> PublishedConfig:
    config = read_published(described(folder, changes))
    assert config is not None
    return config


def refusal(folder: Path, **changes: Any) -> str:
    path = described(folder, changes)
    with pytest.raises(ModelError) as caught:
        read_published(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_read(tmp_path: Path) -> None:
    assert "!!python/tuple" in described(tmp_path).read_text()
    config = read(tmp_path)
    assert config.architecture == "bs_roformer"
    assert (config.targets, config.rest) == (("vocals",), "other")
    assert (config.sample_rate, config.channels) == (44100, 2)
    assert (config.chunk, config.overlap, config.hop) == (352800, 4, 512)
    assert not config.zero_dc
    assert not config.normalise
    assert config.number("dim") == 256


def test_chunk_of_inference_comes_first(tmp_path: Path) -> None:
    assert read(tmp_path, **{"inference.chunk_size": 882000}).chunk == 882000


def test_chunk_in_frames(tmp_path: Path) -> None:
    without = {"audio.chunk_size": None}
    assert read(tmp_path, **without).chunk == 512 * 1100
    assert read(tmp_path, **without, **{"inference.dim_t": None}).chunk == 512 * 800


@pytest.mark.parametrize(
    ("section", "architecture", "hop"),
    [
        ({"freqs_per_bands": [2, 2], "stft_hop_length": 441}, "bs_roformer", 441),
        ({"num_bands": 60, "depth": 6}, "mel_band_roformer", 512),
        ({"band_SR": [0.2, 0.8], "hop_size": 1000}, "scnet", 1000),
        ({"num_subbands": 4, "num_scales": 5, "growth": 128}, "mdx23c", 441),
    ],
)
def test_architectures(section: Any, architecture: str, hop: int, tmp_path: Path) -> None:
    config = read(tmp_path, model=section)
    assert (config.architecture, config.hop) == (architecture, hop)


def test_targets_of_scnet_may_stand_with_the_model(tmp_path: Path) -> None:
    model = {"band_SR": [0.2], "sources": ["drums", "bass"]}
    assert read(tmp_path, model=model, training={"lr": 1}).targets == ("drums", "bass")


@pytest.mark.parametrize(
    ("instruments", "target", "targets", "rest"),
    [
        (["Vocals", "Instrumental"], "Vocals", ("vocals",), "instrumental"),
        (["Lead Vocals", "back"], "Lead Vocals", ("lead-vocals",), "back"),
        (["vocals", "bass", "drums", "other"], "vocals", ("vocals",), "instrumental"),
        (["bass", "drums", "other"], "other", ("other",), "rest"),
        (["dry"], None, ("dry",), "rest"),
        (["rest"], None, ("rest",), "other"),
        (["drums", "bass"], None, ("drums", "bass"), None),
    ],
)
def test_targets(
    instruments: list[str],
    target: str | None,
    targets: tuple[str, ...],
    rest: str | None,
    tmp_path: Path,
) -> None:
    training = {"instruments": instruments, "target_instrument": target}
    config = read(tmp_path, training=training, **{"model.num_stems": len(targets)})
    assert (config.targets, config.rest) == (targets, rest)


def test_mono_and_flags(tmp_path: Path) -> None:
    changes = {"model.stereo": False, "model.zero_dc": True, "inference.normalize": True}
    config = read(tmp_path, **changes)
    assert (config.channels, config.zero_dc, config.normalise) == (1, True, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.stft_hop_length": 0}, "model.stft_hop_length is 0, not a positive integer"),
        ({"audio.chunk_size": 0}, "audio.chunk_size is 0"),
        ({"audio.chunk_size": -1}, "audio.chunk_size is -1"),
        ({"audio.chunk_size": 1.5}, "audio.chunk_size is 1.5"),
        ({"audio.chunk_size": 1 << 40}, "audio.chunk_size is 1099511627776"),
        ({"inference.chunk_size": "long"}, "inference.chunk_size is long"),
        ({"inference.num_overlap": True}, "inference.num_overlap is True"),
        ({"audio.chunk_size": None, "inference.dim_t": 0}, "inference.dim_t is 0"),
        ({"audio.sample_rate": 0}, "audio.sample_rate is 0"),
        ({"model.zero_dc": "yes"}, "model.zero_dc is yes, not true or false"),
        ({"model.num_stems": 3}, "num_stems is 3, but training names 1 targets: vocals"),
        ({"training": ["a"]}, "section training is not a table"),
        ({"training.instruments": None}, "training.instruments is not a list"),
        ({"training.instruments": "vocals"}, "training.instruments is not a list"),
        ({"training.target_instrument": "../up"}, "../up is not a valid target name"),
        ({"training.target_instrument": 7}, "7 is not a valid target name"),
        ({"training.instruments": ["a", "A"]}, "has duplicate names"),
        ({"model": {"num_subbands": 4, "num_scales": 5}, "audio.hop_length": None}, "lacks hop"),
    ],
)
def test_impossible(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "htdemucs"}, "describes htdemucs, which is not supported"),
        (
            {"model": {"sr": 44100, "win": 20, "feature_dim": 256}},
            "a model of feature_dim, sr, win",
        ),
        ({"training.model_type": "bs_mamba2"}, "describes bs_mamba2"),
        ({"model": {}, "training.model_type": "a\nb"}, "describes a b"),
    ],
)
def test_other_architectures(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, **changes)


def test_another_layout(tmp_path: Path) -> None:
    path = tmp_path / "bag.yaml"
    path.write_text("models: [955717e8]\nweights: [[1.0]]\n")
    assert read_published(path) is None


# Which file belongs to which


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_one_of_each(tmp_path: Path) -> None:
    assert find_in_folder(tmp_path) is None
    path = described(tmp_path)
    assert find_in_folder(tmp_path) is None
    put(tmp_path, "weights v2 (1).ckpt", "readme.md")
    found = find_in_folder(tmp_path)
    assert found is not None
    assert (found[0].name, found[1].path) == ("weights v2 (1).ckpt", path)


def test_several_checkpoints(tmp_path: Path) -> None:
    described(tmp_path)
    put(tmp_path, "model.ckpt", "other.ckpt")
    with pytest.raises(ModelError, match=r"several checkpoints: model\.ckpt, other\.ckpt"):
        find_in_folder(tmp_path)
    for name in ("model.ckpt", "other.ckpt"):  # the only description is for either
        found = find_beside(tmp_path / name)
        assert found is not None
        assert found[0].name == name


def test_checkpoints_of_another_layout(tmp_path: Path) -> None:
    put(tmp_path, "955717e8.th", "5c90dfd2.th")
    (tmp_path / "bag.yaml").write_text("models: [955717e8, 5c90dfd2]\n")
    assert find_in_folder(tmp_path) is None
    assert find_beside(tmp_path / "955717e8.th") is None


def test_several_descriptions(tmp_path: Path) -> None:
    text = described(tmp_path).read_text()
    put(tmp_path, "one.ckpt")
    (tmp_path / "two.yml").write_text(text)
    with pytest.raises(ModelError, match=r"several descriptions: model.yaml, two.yml.*one\.yaml"):
        find_in_folder(tmp_path)
    (tmp_path / "one.yaml").write_text(text.replace("352800", "1000"))
    found = find_in_folder(tmp_path)
    assert found is not None
    assert found[1].chunk == 1000


def test_no_checkpoint(tmp_path: Path) -> None:
    assert find_beside(described(tmp_path)) is None
    put(tmp_path, "lonely.ckpt")
    (tmp_path / "model.yaml").unlink()
    assert find_beside(tmp_path / "lonely.ckpt") is None
