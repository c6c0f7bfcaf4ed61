"""Whole tracks by demucs against our stream: one network, bags, and the edges of a track."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demucs_networks import RATE, SOURCES, network, save_package, separate_whole
from streams import ArrayMixture, Audio, ignore, noise
from unmixcli.errors import ModelError, UsageError
from unmixcli.models.cards import ModelCard
from unmixcli.models.demucs import plugin
from unmixcli.models.demucs.options import Options
from unmixcli.models.interface import Request

apply = pytest.importorskip("demucs.apply")

SEGMENT = 3900


def card(files: Sequence[Path], **fields: Any) -> ModelCard:
    known = {
        "name": "mine",
        "plugin": "demucs",
        "targets": SOURCES,
        "sample_rate": RATE,
        "channels": 2,
        "weights": [{"file": path.name, "path": path} for path in files],
    }
    return ModelCard.model_validate(known | fields)


def load(described: ModelCard, targets: Sequence[str] = SOURCES) -> Any:
    needed = {item.file: item.path for item in described.files_for(targets)}
    return plugin.load(described, needed, targets, "cpu")


def run(model: Any, audio: Audio, block: int = 4000, **options: Any) -> Audio:
    request = Request(Options(**options))
    return np.concatenate(
        list(model.separate(ArrayMixture(audio, block, RATE), request, ignore)), -1
    )


@pytest.fixture(scope="module")
def networks() -> list[Any]:
    return [network(seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def files(networks: list[Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("weights")
    return [save_package(each, folder, f"aaaa000{k}") for k, each in enumerate(networks)]


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    made = network("HDemucs")
    return made, save_package(made, tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize(
    "length",
    [1, 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2925, 2926, 3 * 2925 + 1, 14000],
)
def test_a_transformer(networks: list[Any], files: list[Path], length: int) -> None:
    audio = noise(length) + np.float32(0.02)
    expected = separate_whole(networks[0], audio, overlap=0.25)
    found = run(load(card(files[:1])), audio)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5


@pytest.mark.parametrize("length", [1, 2, 100, 2999, 3000, 3001, 4001, 6002, 14000])
def test_a_hybrid(hybrid: tuple[Any, Path], length: int) -> None:
    made, path = hybrid
    audio = noise(length)
    expected = separate_whole(made, audio, overlap=0.25)
    assert np.abs(run(load(card([path])), audio) - expected).max() <= 1e-5


@pytest.mark.parametrize(
    ("segment", "overlap"), [(0.25, 0.25), (0.45, 0.1), (0.4875, 0.5), (None, 0.0)]
)
def test_options(
    networks: list[Any], files: list[Path], segment: float | None, overlap: float
) -> None:
    audio = noise(9000)
    expected = separate_whole(networks[0], audio, overlap=overlap, segment=segment)
    found = run(load(card(files[:1])), audio, segment=segment, overlap=overlap)
    assert np.abs(found - expected).max() <= 1e-5


def test_options_of_a_hybrid(hybrid: tuple[Any, Path]) -> None:
    made, path = hybrid
    audio = noise(9000)
    expected = separate_whole(made, audio, overlap=0.3, segment=0.8)
    assert np.abs(run(load(card([path])), audio, segment=0.8, overlap=0.3) - expected).max() <= 1e-5


def test_longer_segments_than_a_transformer_can_read(files: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"option segment of mine: at most 0\.4875 seconds"):
        run(load(card(files[:1])), noise(100), segment=1.0)


def test_no_training_segment(tmp_path: Path) -> None:
    made = network(use_train_segment=False, segment=0.5)
    path = save_package(made, tmp_path)
    audio = noise(9000)
    for segment in (None, 0.7):
        expected = separate_whole(made, audio, overlap=0.25, segment=segment)
        found = run(load(card([path])), audio, segment=segment)
        assert np.abs(found - expected).max() <= 1e-5


def test_how_the_mixture_is_read_does_not_matter(files: list[Path]) -> None:
    model, audio = load(card(files[:1])), noise(9001)
    whole = run(model, audio, 10**6)
    assert all(np.array_equal(run(model, audio, block), whole) for block in (997, 3900))


@pytest.mark.parametrize("length", [1, 2000, 9000])
def test_silence_stays_silence(files: list[Path], hybrid: tuple[Any, Path], length: int) -> None:
    for path in (files[0], hybrid[1]):
        stems = run(load(card([path])), np.zeros((2, length), np.float32))
        assert stems.shape == (4, 2, length)
        assert np.abs(stems).max() < 1e-6


def test_mono(tmp_path: Path) -> None:
    made = network("HDemucs", audio_channels=1)
    model = load(card([save_package(made, tmp_path)], channels=1))
    assert model.channels == 1
    audio = noise(9000, channels=1)
    expected = separate_whole(made, audio, overlap=0.25)
    assert np.abs(run(model, audio) - expected).max() <= 1e-5
    assert np.isfinite(run(model, audio[:, :1])).all()


IDENTITY = [[float(k == n) for k in range(4)] for n in range(4)]
UNEVEN = [[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.5, 1.0], [1.0, 0.0, 2.0, 1.0]]


@pytest.mark.parametrize("weights", [None, IDENTITY, UNEVEN])
def test_a_bag(networks: list[Any], files: list[Path], weights: list[list[float]] | None) -> None:
    audio = noise(8000)
    bag = apply.BagOfModels(networks, weights)
    expected = separate_whole(bag, audio, overlap=0.25)
    parameters = {"weights": weights} if weights else {}
    found = run(load(card(files, parameters=parameters)), audio)
    assert np.abs(found - expected).max() <= 1e-5


def test_a_bag_with_a_segment_of_its_own(files: list[Path]) -> None:
    audio = noise(8000)
    for segment in (0.25, 3.0):  # a transformer cannot have the longer one
        bag = apply.BagOfModels([network(seed=seed) for seed in range(2)], None, segment)
        expected = separate_whole(bag, audio, overlap=0.25)
        found = run(load(card(files[:2], parameters={"segment": segment})), audio)
        assert np.abs(found - expected).max() <= 1e-5


def test_of_a_bag_only_what_is_wanted_is_needed(networks: list[Any], files: list[Path]) -> None:
    weights = [
        {"file": path.name, "path": path, "targets": [source]}
        for path, source in zip(files, SOURCES, strict=True)
    ]
    described = card((), weights=weights)
    audio = noise(6000)
    expected = separate_whole(apply.BagOfModels(networks, IDENTITY), audio, overlap=0.25)
    assert np.abs(run(load(described), audio) - expected).max() <= 1e-5
    for wanted in (["vocals"], ["vocals", "bass"]):
        assert len(described.files_for(wanted)) == len(wanted)
        found = run(load(described, wanted), audio)
        rows = [SOURCES.index(name) for name in wanted]
        assert np.abs(found - expected[rows]).max() <= 1e-5
    alone = separate_whole(networks[3], audio, overlap=0.25)[3:]
    torch.testing.assert_close(run(load(described, ["vocals"]), audio), alone, rtol=0, atol=1e-5)


def test_a_bag_whose_networks_do_not_go_together(files: list[Path], tmp_path: Path) -> None:
    other = save_package(network(seed=9, segment=Fraction(1, 4)), tmp_path, "bbbb0000")
    with pytest.raises(ModelError, match="differ in channels or in the length of their segments"):
        load(card([files[0], other]))
    # With one length for all they do.
    load(card([files[0], other], parameters={"segment": 0.25}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"targets": ("drums", "piano")}, "estimates drums, bass, other, vocals, but mine .*piano"),
        ({"targets": (*SOURCES, "piano")}, "having the target piano"),
        ({"sample_rate": 44100}, "works at 8000 Hz, but mine is described as working at 44100"),
        ({"channels": 1}, "has 2 channels, but mine is described as having 1"),
        ({"parameters": {"weights": [[1.0]]}}, "a list for each of its 1 files, with a number"),
        ({"parameters": {"segment": -1}}, "badly described: parameters.segment"),
        ({"parameters": {"hop": 3}}, "badly described: parameters.hop"),
        ({"parameters": {"weights": [[0.0, 0.0, 0.0, 0.0]] * 1}}, None),
    ],
)
def test_a_card_that_is_wrong(files: list[Path], fields: Any, words: str | None) -> None:
    described = card(files[:1], **fields)
    if words is None:
        load(described)  # alone, a network gives its own estimate whatever it counts
        return
    with pytest.raises(ModelError, match=words):
        load(described, described.targets)


def test_a_target_without_a_file(files: list[Path]) -> None:
    weights = [{"file": files[0].name, "path": files[0], "targets": ["bass"]}]
    with pytest.raises(ModelError, match="badly described: none of its files is for drums"):
        load(card((), weights=weights), ["bass", "drums"])


def test_targets_and_their_order(networks: list[Any], files: list[Path]) -> None:
    audio = noise(9000)
    expected = separate_whole(networks[0], audio, overlap=0.25)
    model = load(card(files[:1]), ["vocals", "drums"])
    assert model.targets == ("vocals", "drums")
    assert np.abs(run(model, audio) - expected[[3, 0]]).max() <= 1e-5
