"""torchaudio's Hybrid Demucs from its file to the command: what loads, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from demucs_networks import network, save_package
from running import unmix
from torchaudio_networks import RATE, SOURCES, card, tiny
from unmixcli import Separator
from unmixcli.errors import ModelError, UsageError
from unmixcli.models.demucs import torchaudio_layout
from unmixcli.models.demucs.loading import build_torchaudio, load_torchaudio
from unmixcli.models.demucs.network import build_network
from unmixcli.models.registry import Registry
from unmixcli.models.tensors import open_tensors

models = pytest.importorskip("torchaudio.models", exc_type=Exception)

State = dict[str, Any]


def save(folder: Path, content: object) -> Path:
    path = folder / "tiny.pt"
    torch.save(content, path)
    return path


def load(path: Path, **fields: Any) -> Any:
    described = card(path, **fields)
    weights = {item.file: path for item in described.weights}
    return load_torchaudio(described, weights, described.targets, "cpu")


def build_from(path: Path) -> Any:
    return build_torchaudio(open_tensors(path), card(path))


@pytest.mark.parametrize(("nfft", "depth"), [(1024, 5), (2048, 6), (4096, 6)])
@torch.inference_mode()
def test_the_network_is_torchaudios(tmp_path: Path, nfft: int, depth: int) -> None:
    """The three sizes that torchaudio has names for, with fewer channels."""
    torch.manual_seed(3)
    theirs = models.HDemucs(list(SOURCES), channels=8, nfft=nfft, depth=depth).eval()
    for name, parameter in theirs.named_parameters():
        if name.endswith("scale"):
            parameter.normal_(0, 0.5)
    ours = build_from(save(tmp_path, theirs.state_dict()))
    for length in (nfft // 2, nfft // 2 + 1, 10_000):
        audio = 0.3 * torch.randn(2, 2, length) + 0.05
        torch.testing.assert_close(ours(audio), theirs(audio), rtol=0, atol=1e-5)


def test_the_published_network_is_recognised(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = models.hdemucs_high(sources=list(SOURCES))
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    file = open_tensors(save(tmp_path, {"x": torch.ones(1)}))
    file = replace(file, shapes=shapes)
    arguments = torchaudio_layout.measure(file, card(file.path))
    assert (arguments.nfft, arguments.depth, arguments.channels) == (4096, 6, 48)
    with torch.device("meta"):
        ours = build_network(arguments)
    left_out = torchaudio_layout.unused(file)
    assert set(left_out) < shapes.keys()
    expected = {
        torchaudio_layout.key_of(name): tuple(value.shape)
        for name, value in ours.state_dict().items()
    }
    assert {key: shape for key, shape in shapes.items() if key not in left_out} == expected


def test_safetensors_and_half_precision(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file({key: value.half() for key, value in tiny().state_dict().items()}, path)
    made = build_from(path)
    assert all(value.dtype == torch.float32 for value in made.state_dict().values())
    assert not any(value.requires_grad for value in made.parameters())


def test_a_package_of_demucs_is_named(tmp_path: Path) -> None:
    path = save_package(network("HDemucs"), tmp_path)
    with pytest.raises(ModelError, match=r"of torchaudio: it lacks .*; this is a Hybrid"):
        load(path)


def test_other_sizes_load(tmp_path: Path) -> None:
    path = save(tmp_path, tiny(("speech", "noise"), channels=1).state_dict())
    model = load(path, targets=("speech", "noise"), channels=1)
    assert (model.targets, model.channels, model.sample_rate) == (("speech", "noise"), 1, RATE)


def without(key: str) -> Callable[[State], object]:
    return lambda state: {name: value for name, value in state.items() if name != key}


def with_shape(key: str, *shape: int) -> Callable[[State], object]:
    return lambda state: state | {key: torch.zeros(shape)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("time_encoder.1.conv.bias"), "it lacks time_encoder.1.conv.bias"),
        (without("freq_encoder.0.conv.weight"), "it lacks freq_encoder.0.conv.weight"),
        (without("freq_emb.embedding.weight"), "it lacks freq_emb.embedding.weight"),
        (lambda state: state | {"extra": torch.zeros(1)}, "it has extra, which do not belong"),
        (with_shape("time_encoder.1.conv.bias", 9), r"the shape \(9,\), but the other"),
        (
            with_shape("freq_encoder.0.conv.weight", 0, 0, 8, 1),
            "it lacks freq_encoder.0.conv.weight",
        ),
        (with_shape("freq_encoder.1.conv.weight", 1, 4, 8, 1), "do not go together|the shape"),
        (with_shape("freq_emb.embedding.weight", 100, 4), "do not go together|the shape"),
        (
            with_shape("freq_encoder.99999.conv.weight", 1),
            "not a Hybrid Demucs network of torchaudio",
        ),
        (
            lambda state: {"fc1.weight": torch.zeros(3, 3)},
            "network of torchaudio: it lacks",
        ),
        (lambda state: {}, "network of torchaudio: it lacks"),
        (lambda state: list(state.values()), "holds a list"),
        (lambda state: state | {"name": "tiny"}, "name is not a tensor"),
        (lambda state: state | {"path": Path("x")}, "have to run code"),
    ],
)
def test_what_is_no_such_network(
    tmp_path: Path, change: Callable[[State], object], words: str
) -> None:
    path = save(tmp_path, change(dict(tiny().state_dict())))
    with pytest.raises(ModelError, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_what_the_card_says_must_be_so(tmp_path: Path) -> None:
    path = save(tmp_path, tiny().state_dict())
    with pytest.raises(ModelError, match="has 4 sources, but tiny is described as having 2 targ"):
        load(path, targets=("drums", "bass"))
    with pytest.raises(ModelError, match="has 2 channels, but tiny is described as having 1"):
        load(path, channels=1)
    files = [{"file": f"{name}.pt", "path": path, "targets": [name]} for name in SOURCES]
    with pytest.raises(ModelError, match="names 4 weights files"):
        load(path, weights=files)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = save(tmp_path, tiny().state_dict())
    for content in (b"", b"junk", path.read_bytes()[:100_000]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"tiny\.pt"):
            load(path)


@pytest.fixture
def mine(home: Path) -> Path:
    """A user's own network, described in the user's catalogue by its path."""
    home.mkdir()
    torch.save(tiny().state_dict(), home / "tiny.pt")
    (home / "models.toml").write_text(
        '[mine]\nlike = "hdemucs"\n[[mine.weights]]\nfile = "tiny.pt"\npath = "tiny.pt"\n'
    )
    return home


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    noise = 0.1 * np.random.default_rng(1).standard_normal((66_150, 2))
    soundfile.write(path, noise, 44100, subtype="FLOAT")
    return path


def test_the_command(mine: Path, song: Path, tmp_path: Path) -> None:
    asked = ["--model", "mine", "--targets", "vocals,bass", "--residual", "--option", "segment=1"]
    result = unmix("separate", song, *asked, "--outdir", tmp_path / "out", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr
    written = {path.stem: soundfile.read(path)[0] for path in (tmp_path / "out/song").glob("*.wav")}
    audio, rate = soundfile.read(song, dtype="float32")
    separator = Separator(
        model="mine", targets="vocals,bass", residual=True, options={"segment": "1"}, device="cpu"
    )
    stems = separator.separate(audio, rate)
    assert written.keys() == stems.keys() == {"vocals", "bass", "residual"}
    for name, stem in stems.items():
        np.testing.assert_allclose(written[name], stem, atol=1e-6)
    np.testing.assert_allclose(sum(written.values()), audio, atol=1e-6)


def test_mono_at_another_rate(mine: Path) -> None:
    audio = 0.1 * np.random.default_rng(2).standard_normal(30_001)
    stems = Separator(model="mine", device="cpu").separate(audio, 22050)
    assert {name: stem.shape for name, stem in stems.items()} == dict.fromkeys(SOURCES, (30_001,))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"segment": "0"}, "option segment of mine: .*greater than or equal to 1"),
        ({"segment": "nan"}, "option segment of mine: .*finite"),
        ({"overlap": "25%"}, "option overlap of mine: .*valid number"),
        ({"overlap": "1.5"}, "option overlap of mine: .*less than or equal to 1"),
        ({"overlaps": "0.1"}, "has no option 'overlaps', only segment, overlap; did you mean"),
    ],
)
def test_options_out_of_range(mine: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Separator(model="mine", options=options)


def test_options_are_described(mine: Path) -> None:
    described = " ".join(unmix("models", "info", "mine").stdout.split())
    for words in ("segment number 10.0 Seconds of audio", "overlap number 0.1 Part of"):
        assert words in described


def test_nothing_needs_torchaudio(mine: Path, song: Path, tmp_path: Path) -> None:
    package = tmp_path / "broken" / "torchaudio"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise OSError('built for another torch')\n")
    asked = ["separate", song, "-m", "mine", "-o", tmp_path / "out"]
    result = unmix(*asked, first=str(package.parent))
    assert result.returncode == 0, result.stderr


def test_it_ships() -> None:
    known = Registry().resolve("hdemucs")
    assert known.shipped
    assert known.card.targets == SOURCES
