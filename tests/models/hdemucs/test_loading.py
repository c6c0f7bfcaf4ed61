"""Hybrid Demucs from its file to the command: what loads, what is refused, what is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from hdemucs_networks import RATE, SOURCES, card, tiny
from running import environment, unmix
from unmixcli import Separator
from unmixcli.errors import ModelError, UsageError
from unmixcli.models.hdemucs import loading
from unmixcli.models.registry import Registry

models = pytest.importorskip("torchaudio.models", exc_type=Exception)

State = dict[str, Any]


def save(folder: Path, content: object) -> Path:
    path = folder / "tiny.pt"
    torch.save(content, path)
    return path


def load(path: Path, **fields: Any) -> Any:
    described = card(path, **fields)
    weights = {item.file: path for item in described.weights}
    return loading.load_model(described, weights, described.targets, "cpu")


def test_the_published_network_is_recognised() -> None:
    with torch.device("meta"):
        network = models.hdemucs_high(sources=list(SOURCES))
    sizes = loading._measure(Path("x"), network.state_dict(), card(Path("x")))
    with torch.device("meta"):
        again = models.HDemucs(list(SOURCES), **sizes)
    assert (again.nfft, again.depth) == (4096, 6)
    loading._compare(Path("x"), network.state_dict(), again.state_dict())


def test_other_sizes_load(tmp_path: Path) -> None:
    path = save(tmp_path, tiny(("speech", "noise"), channels=1).state_dict())
    model = load(path, targets=("speech", "noise"), channels=1)
    assert (model.targets, model.channels, model.sample_rate) == (("speech", "noise"), 1, RATE)


def test_safetensors_and_half_precision(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file({key: value.half() for key, value in tiny().state_dict().items()}, path)
    network = loading.build_network(models.HDemucs, path, card(path))
    assert all(value.dtype == torch.float32 for value in network.state_dict().values())
    assert not any(value.requires_grad for value in network.parameters())


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
        (with_shape("time_encoder.1.conv.bias", 9), r"the shape \(9,\), and the other"),
        (
            with_shape("freq_encoder.0.conv.weight", 0, 0, 8, 1),
            "it lacks freq_encoder.0.conv.weight",
        ),
        (with_shape("freq_encoder.1.conv.weight", 1, 4, 8, 1), "do not go together|the shape"),
        (with_shape("freq_emb.embedding.weight", 100, 4), "do not go together|the shape"),
        (with_shape("freq_encoder.99999.conv.weight", 1), "not a Hybrid Demucs network"),
        (lambda state: {"fc1.weight": torch.zeros(3, 3)}, "not a Hybrid Demucs network: it lacks"),
        (lambda state: {}, "not a Hybrid Demucs network: it lacks"),
        (lambda state: list(state.values()), "holds a list"),
        (lambda state: state | {"name": "tiny"}, "name is no tensor"),
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


@pytest.mark.parametrize(
    ("cuda", "torch_version", "ending"),
    [
        ("13.0", "2.14.1+cu130", "torchaudio~=2.11.0 --index-url https://download.pytorch.org/whl/cu130"),
        (None, "2.9.0+cpu", "torchaudio~=2.9.0 --index-url https://download.pytorch.org/whl/cpu"),
    ],
)  # fmt: skip
def test_how_to_install_torchaudio(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, torch_version: str, ending: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch, "__version__", torch_version)
    monkeypatch.setattr(sys, "platform", "linux")
    assert loading._install_command().endswith(ending)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "index-url" not in loading._install_command()


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


@pytest.fixture(params=["missing", "library", "cuda"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A folder for PYTHONPATH where torchaudio does not import, and what is said of it."""
    code, words = {
        "missing": (
            "raise ModuleNotFoundError(\"No module named 'torchaudio'\", name='torchaudio')",
            "which is not installed; install",
        ),
        "library": (
            "raise OSError('Could not load this library: /lib/libtorchaudio.so')",
            "cannot be imported (Could not load this library: /lib/libtorchaudio.so); install",
        ),
        "cuda": (
            "raise RuntimeError('PyTorch and TorchAudio were compiled with different CUDA "
            "versions. PyTorch has CUDA version 13.2. Please install what matches.')",
            "(PyTorch and TorchAudio were compiled with different CUDA versions); install",
        ),
    }[request.param]
    package = tmp_path / "broken" / "torchaudio"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    return str(package.parent), words


def test_without_torchaudio(
    broken: tuple[str, str], mine: Path, song: Path, tmp_path: Path
) -> None:
    folder, words = broken
    out = tmp_path / "out"
    result = unmix("separate", song, "-m", "mine", "-o", out, first=folder)
    assert result.returncode == 3
    assert result.stderr.startswith("error: mine needs torchaudio, ")
    assert words in result.stderr
    assert f"for your torch {torch.__version__}: pip install" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()
    assert unmix("models", "list", first=folder).returncode == 0
    # It is said before 335 MB are fetched for nothing, and not that they cannot be.
    result = unmix("separate", song, "-m", "hdemucs", "-o", out, first=folder)
    assert result.stderr.startswith("error: hdemucs needs torchaudio, ")


def test_everything_else_works_without_torchaudio(
    broken: tuple[str, str],
) -> None:
    code = (
        "import sys, unmixcli.separation.separator, unmixcli.models.openunmix.loading\n"
        "from unmixcli.models.registry import Registry\n"
        "registry = Registry()\n"
        "assert not registry.problems, registry.problems\n"
        "assert registry.resolve('hdemucs').options\n"
        "assert 'torchaudio' not in sys.modules\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(broken[0]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_it_ships() -> None:
    known = Registry().resolve("hdemucs")
    assert known.shipped
    assert known.card.targets == SOURCES
