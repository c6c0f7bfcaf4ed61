"""Networks of a user's own: files, folders and bags, by their path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from demucs_networks import RATE, SOURCES, network, save_content, save_package, save_safetensors
from demucs_networks import separate_whole as whole
from streams import ArrayMixture, Audio, ignore, noise
from unmixcli.errors import ModelError
from unmixcli.models.cards import ModelCard
from unmixcli.models.demucs import plugin
from unmixcli.models.demucs.options import Options
from unmixcli.models.interface import Request
from unmixcli.models.registry import Registry

demucs_repo = pytest.importorskip("demucs.repo")

SIGNATURES = ("aaaa0000", "aaaa0001", "aaaa0002")


@pytest.fixture(scope="module")
def networks() -> list[Any]:
    return [network(seed=seed) for seed in range(3)]


@pytest.fixture
def repository(tmp_path: Path, networks: list[Any]) -> Path:
    """Two packages and a safetensors file."""
    folder = tmp_path / "my models"
    folder.mkdir()
    save_package(networks[0], folder, SIGNATURES[0])
    save_package(networks[1], folder, SIGNATURES[1])
    save_safetensors(networks[2], folder / f"{SIGNATURES[2]}.safetensors")
    return folder


def write_bag(folder: Path, name: str = "bag.yaml", **content: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump({"models": list(SIGNATURES)} | content))
    return path


def separate(card: ModelCard | None, audio: Audio, targets: Sequence[str] = SOURCES) -> Audio:
    assert card is not None
    files = {item.file: item.path for item in card.files_for(targets) if item.path}
    model = plugin.load(card, files, targets, "cpu")
    request = Request(Options())
    return np.concatenate(list(model.separate(ArrayMixture(audio, 999, RATE), request, ignore)), -1)


def theirs(folder: Path, name: str) -> Any:
    """Return a model as demucs reads it from a repository of packages."""
    models = demucs_repo.LocalRepo(folder)
    return demucs_repo.AnyModelRepo(models, demucs_repo.BagOnlyRepo(folder, models)).get_model(name)


def test_a_file(repository: Path, networks: list[Any]) -> None:
    audio = noise(5000)
    for k, path in enumerate(sorted(repository.iterdir())):
        card = plugin.file_card(path)
        assert card is not None
        assert (card.targets, card.sample_rate, card.channels) == (SOURCES, RATE, 2)
        assert card.name == path.stem
        assert np.abs(separate(card, audio) - whole(networks[k], audio)).max() <= 1e-5
    assert plugin.folder_card(repository.parent) is None


def test_a_checksum_in_the_name(repository: Path) -> None:
    path = next(repository.glob("*.th"))
    card = plugin.file_card(path)
    assert card is not None
    assert card.weights[0].sha256_prefix == path.stem.split("-")[1]
    assert Registry().load_model(str(path))[0] == card
    wrong = path.rename(path.with_name(f"{SIGNATURES[0]}-01234567.th"))
    with pytest.raises(ModelError, match=r"has the SHA-256 .* instead of 01234567"):
        Registry().load_model(str(wrong))


@pytest.mark.parametrize(
    "weights",
    [
        None,
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.5, 2.0]],
        [[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]],
    ],
)
def test_a_bag(repository: Path, networks: list[Any], weights: Any) -> None:
    # demucs reads packages alone.
    (repository / f"{SIGNATURES[2]}.safetensors").unlink()
    save_package(networks[2], repository, SIGNATURES[2])
    path = write_bag(repository, **({"weights": weights} if weights else {}))
    audio = noise(5000)
    expected = whole(theirs(repository, "bag"), audio)
    for card in (plugin.file_card(path), plugin.folder_card(repository)):
        assert card is not None
        assert np.abs(separate(card, audio) - expected).max() <= 1e-5
        found = separate(card, audio, ["bass"])
        assert np.abs(found - expected[1:2]).max() <= 1e-5
        if weights:
            counting = sum(bool(own[1]) for own in weights)
            assert len(card.files_for(["bass"])) == counting
    assert card.name == "my-models"


def test_a_bag_with_a_safetensors_file_and_a_network_twice(
    repository: Path, networks: list[Any]
) -> None:
    from demucs.apply import BagOfModels

    names = [SIGNATURES[2], SIGNATURES[0], SIGNATURES[2]]
    card = plugin.file_card(write_bag(repository, models=names))
    assert card is not None
    assert len(card.weights) == 2
    audio = noise(5000)
    expected = whole(BagOfModels([networks[2], networks[0], networks[2]]), audio)
    assert np.abs(separate(card, audio) - expected).max() <= 1e-5


def test_the_segment_of_a_bag(repository: Path) -> None:
    card = plugin.file_card(write_bag(repository, models=[SIGNATURES[0]], segment=0.25))
    assert card is not None
    assert card.parameters == {"segment": 0.25}
    audio = noise(5000)
    bag = theirs(repository, "bag")
    assert np.abs(separate(card, audio) - whole(bag, audio)).max() <= 1e-5


def test_a_folder_of_one_network(tmp_path: Path, networks: list[Any]) -> None:
    path = save_package(networks[0], tmp_path)
    card = plugin.folder_card(tmp_path)
    assert card is not None
    assert [item.path for item in card.weights] == [path]
    assert Registry().resolve(str(tmp_path)).card == card


def test_a_folder_of_several(repository: Path) -> None:
    with pytest.raises(ModelError, match=r"has several models: .*; name one of them, such as"):
        plugin.folder_card(repository)
    write_bag(repository)
    write_bag(repository, "other.yml")
    with pytest.raises(ModelError, match=r"several models: bag\.yaml, other\.yml; name one"):
        plugin.folder_card(repository)


def test_what_is_no_repository(tmp_path: Path) -> None:
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text("audio: {chunk_size: 1}\nmodel: {dim: 4}\n")
    (tmp_path / "x.ckpt").write_bytes(b"x")
    (tmp_path / "x.safetensors").write_bytes(b"x")
    assert plugin.folder_card(tmp_path) is None
    assert [plugin.file_card(path) for path in sorted(tmp_path.iterdir())] == [None] * 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"models": []}, "models is no list of at most 32 signatures"),
        ({"models": [1]}, "models is no list"),
        ({"models": "aaaa0000"}, "models is no list"),
        ({"models": ["aaaa0000"] * 33}, "models is no list of at most 32"),
        ({"models": ["cccc0000"]}, "'cccc0000', and there is no cccc0000.th beside it"),
        ({"models": ["../aaaa0000"]}, "and there is no ../aaaa0000.th beside it"),
        ({"weights": [[1, 1, 1, 1]]}, "a list for each of the 3 models, with a number for each"),
        ({"weights": [[1, 1], [1, 1], [1, 1]]}, "for each of their 4 sources"),
        ({"weights": [[1, 1, 1, "a"]] * 3}, "weights has something that is no number"),
        ({"weights": [[1, 1, 1, float("nan")]] * 3}, "weights has something that is no number"),
        ({"weights": 3}, "a list for each of the 3 models"),
        ({"weights": [[1, 1, 1, 0]] * 3}, "the weights for vocals add up to nothing"),
        ({"weights": [[1, -1, 1, 1]] * 3}, "the weights for bass add up to nothing"),
        ({"segment": "long"}, "segment is 'long', not a number of seconds"),
        ({"segment": -1}, "segment is -1, not a number of seconds"),
    ],
)
def test_bags_that_are_refused(repository: Path, content: dict[str, Any], words: str) -> None:
    path = write_bag(repository, **content)
    with pytest.raises(ModelError, match=words) as caught:
        plugin.file_card(path)
    assert str(path) in str(caught.value)


def test_yaml_that_asks_for_objects(repository: Path) -> None:
    path = repository / "bag.yaml"
    path.write_text("models: !!python/object/apply:os.system ['touch exploded']\n")
    with pytest.raises(ModelError, match="cannot be read as YAML"):
        plugin.file_card(path)
    assert not (repository / "exploded").exists()


def test_two_files_of_one_network(repository: Path, networks: list[Any]) -> None:
    save_safetensors(networks[0], repository / f"{SIGNATURES[0]}.safetensors")
    with pytest.raises(ModelError, match=r"several files of the network 'aaaa0000': .*; keep one"):
        plugin.file_card(write_bag(repository))


def test_sources_that_are_no_names(tmp_path: Path) -> None:
    model = network(sources=["drums", "../bass", "other", "vocals"])
    path = save_package(model, tmp_path)
    with pytest.raises(ModelError, match=r"is badly described: targets.1: String should match"):
        plugin.file_card(path)


def test_a_package_that_wants_to_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Code:
        def __reduce__(self) -> Any:
            return print, ("exploded",)

    path = save_content({"klass": Code(), "args": (), "kwargs": {}, "state": {}}, tmp_path)
    with pytest.raises(ModelError, match=r"run code from inside the file \(__?builtin.*print\)"):
        Registry().resolve(str(path))


def test_the_command(tmp_path: Path, networks: list[Any], run: Any) -> None:
    path = save_package(network(samplerate=44100, segment=1, nfft=512), tmp_path)
    soundfile.write("song.wav", noise(60_000).T, 44100, subtype="FLOAT")
    asked = ("separate", "song.wav", "-m", path, "-o", "out", "--device", "cpu")
    result = run(*asked, "--targets", "vocals", "--residual")
    assert result.code == 0, result.err
    assert "warning" not in result.err
    stems = [soundfile.read(f"out/song/{name}.wav")[0] for name in ("vocals", "accompaniment")]
    np.testing.assert_allclose(sum(stems), soundfile.read("song.wav")[0], atol=1e-6)
    described = run("models", "info", path).out
    assert " segment   number " in described
    assert "None" not in described
    result = run(*asked, "--option", "segment=1.5", "--overwrite")
    assert "option segment of 955717e8-" in result.error
