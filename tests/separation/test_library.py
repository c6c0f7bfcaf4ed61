"""The library: forms of audio, streams, options, copies, lists and notebooks."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import unmixcli
from sounds import music
from unmixcli.options.config import SeparationConfig
from unmixcli.options.keywords import Options

RATE = 44100


@pytest.fixture
def separator(tiny_model: Path) -> unmixcli.Separator:
    return unmixcli.Separator(model=str(tiny_model), targets=("vocals", "drums"))


def test_the_typed_options_are_those_of_the_config() -> None:
    assert list(Options.__annotations__) == list(SeparationConfig.model_fields)


def test_a_misspelt_option_gets_a_suggestion() -> None:
    with pytest.raises(unmixcli.UnmixError, match="unknown option 'nitre'; did you mean niter"):
        unmixcli.Separator(nitre=0)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", ["int16", "int32", "uint8", "float64"])
def test_integers_are_scaled_to_full_scale(separator, kind) -> None:
    audio = music(0.5)
    scaled = {
        "int16": np.round(audio * 2**15).astype(np.int16),
        "int32": np.round(audio.astype(float) * 2**31).astype(np.int32),
        "uint8": np.round(audio * 128 + 128).astype(np.uint8),
        "float64": audio.astype(float),
    }
    exact = {"uint8": (scaled["uint8"].astype(np.float32) - 128) / 128}.get(kind, audio)
    wanted = separator.separate(exact, RATE)["vocals"]
    found = separator.separate(scaled[kind], RATE)["vocals"]
    assert found.dtype == np.float32 and found.shape == audio.shape
    assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max() + 1e-4


def test_channels_first_and_batches(separator) -> None:
    tracks = [music(0.5, seed=seed) for seed in range(2)]
    wanted = [separator.separate(track, RATE) for track in tracks]
    one = separator.separate(tracks[0].T, RATE, channels_first=True)
    stages: list[float] = []
    both = separator.separate(
        np.stack([track.T for track in tracks]),
        RATE,
        lambda stage, fraction: stages.append(fraction),
        channels_first=True,
    )
    for name in separator.stem_names:
        np.testing.assert_array_equal(one[name], wanted[0][name].T)
        for k in range(2):
            np.testing.assert_array_equal(both[name][k], wanted[k][name].T)
    assert stages == sorted(stages) and stages[-1] == pytest.approx(1)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int16])
def test_tensors_in_and_out(separator, kind) -> None:
    audio = music(0.5)
    tensor = torch.from_numpy(audio)
    if kind == torch.int16:
        tensor = (tensor * 2**15).round()
        audio = tensor.numpy() / 2**15
    tensor = tensor.to(kind).requires_grad_(kind.is_floating_point)
    stems = separator.separate(tensor, RATE)
    for name, stem in separator.separate(audio.astype(np.float32), RATE).items():
        assert isinstance(stems[name], torch.Tensor) and stems[name].device == tensor.device
        assert stems[name].dtype == torch.float32 and not stems[name].requires_grad
        np.testing.assert_allclose(stems[name].numpy(), stem, atol=1e-6)


@pytest.mark.parametrize(
    ("audio", "rate", "first", "words"),
    [
        (np.zeros((100, 2), np.float32), None, False, "give sample_rate"),
        (np.zeros((100, 2), np.float32), 44100.5, False, "is not a whole number of Hz"),
        (np.zeros((100, 2), np.float32), "cd", False, "is not a whole number of Hz"),
        (np.zeros((2, 44100), np.float32), RATE, False, "set channels_first"),
        (np.zeros((100, 2), np.int64), RATE, False, "integers of 8, 16 or 32 bits, not int64"),
        (np.zeros((100, 2), complex), RATE, False, "not complex128"),
        (np.zeros((1, 1, 2, 100), np.float32), RATE, True, r"\(batch, channels, samples\), not"),
        (np.zeros((0, 2, 100), np.float32), RATE, True, r"not \(0, 2, 100\)"),
    ],
)
def test_audio_that_makes_no_sense(separator, audio, rate, first, words) -> None:
    with pytest.raises(unmixcli.UnmixError, match=words):
        separator.separate(audio, rate, channels_first=first)


def test_the_document_function_takes_a_rate(tiny_model: Path) -> None:
    audio = music(0.5)
    plain = unmixcli.separate(audio, ["vocals"], str(tiny_model))["vocals"]
    same = unmixcli.separate(audio, ["vocals"], str(tiny_model), sample_rate=RATE)["vocals"]
    other = unmixcli.separate(audio, ["vocals"], str(tiny_model), sample_rate=22050)["vocals"]
    np.testing.assert_array_equal(plain, same)
    assert other.shape == plain.shape and not np.allclose(other, plain)


def test_a_stream_yields_the_same_in_blocks(separator, tmp_path) -> None:
    audio = music(9)
    soundfile.write(tmp_path / "song.wav", audio, RATE, "FLOAT")
    wanted = separator.separate(audio, RATE)
    for source, rate in ((str(tmp_path / "song.wav"), None), (audio, RATE)):
        blocks = list(separator.stream(source, rate))
        assert len(blocks) > 1 and all(list(block) == list(wanted) for block in blocks)
        for name, stem in wanted.items():
            np.testing.assert_array_equal(np.concatenate([b[name] for b in blocks]), stem)
    with pytest.raises(unmixcli.UnmixError, match="give sample_rate"):
        next(separator.stream(audio))


def test_a_separator_shows_itself_and_can_be_copied(separator, tiny_model) -> None:
    assert repr(separator) == f"Separator(model={str(tiny_model)!r}, targets=('vocals', 'drums'))"
    copy = pickle.loads(pickle.dumps(separator))
    assert copy.config == separator.config and copy.card == separator.card
    audio = music(0.5)
    for name, stem in separator.separate(audio, RATE).items():
        np.testing.assert_array_equal(copy.separate(audio, RATE)[name], stem)


def test_a_device_of_torch(tiny_model) -> None:
    separator = unmixcli.Separator(model=str(tiny_model), device=torch.device("cpu"))
    assert separator.config.device == "cpu"
    with pytest.raises(unmixcli.UnmixError, match="device 'meta'"):
        unmixcli.Separator(model=str(tiny_model), device=torch.device("meta"))


def test_models_are_listed() -> None:
    models = {card.name: card for card in unmixcli.list_models()}
    assert models["umxhq"].targets and models["htdemucs_6s"].licence


def test_a_track_in_a_notebook(separator, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a & b.wav", music(0.5), RATE)
    track = separator.separate_file("a & b.wav")
    html = track._repr_html_()
    assert html.count("<audio controls") == 2 and "a &amp; b.wav" in html
    assert all(f">{name}</th>" in html for name in separator.stem_names)
    assert re.findall(r'src="data:audio/ogg;base64,T2dnUw[^"]{2000,}"', html)
    track.stems["drums"].unlink()
    assert track._repr_html_().count("<audio controls") == 1
