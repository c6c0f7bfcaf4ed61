"""The Python API: arrays, threads, and what it imports."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import unmixcli
from sounds import music


def test_function_as_documented(tiny_model: Path) -> None:
    samples = music(1)
    expected = unmixcli.Separator(model=str(tiny_model), targets=["vocals"]).separate(
        samples, 44100
    )
    model = str(tiny_model)
    two = unmixcli.separate(samples, ["vocals"], model)
    assert list(two) == ["vocals"]
    np.testing.assert_array_equal(two["vocals"], expected["vocals"])
    three = unmixcli.separate(np.stack([samples.T, samples.T]), ["vocals"], model_name=model)
    assert three["vocals"].shape == (2, 2, 44100)
    np.testing.assert_array_equal(three["vocals"][1].T, expected["vocals"])
    one = unmixcli.separate(samples[:, 0], ["vocals"], model)
    assert one["vocals"].shape == (44100,)
    rest = unmixcli.separate(samples, ["vocals"], model, residual_model=True)
    assert list(rest) == ["vocals", "accompaniment"]
    several = unmixcli.separate(samples, ["vocals", "bass"], model, residual_model=True, niter=0)
    assert list(several) == ["vocals", "bass", "residual"]


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros((2, 44100), np.float32), "transpose"),
        (np.zeros((100, 2), np.int64), "floating point"),
        (np.zeros((0, 2), np.float32), "nothing to separate"),
        (np.full((100, 2), np.nan, np.float32), "not a number"),
        (np.zeros((2, 2, 2, 2), np.float32), "shape"),
    ],
)
def test_arrays_that_make_no_sense(tiny_model: Path, audio: np.ndarray, words: str) -> None:
    separator = unmixcli.Separator(model=str(tiny_model), targets="vocals")
    with pytest.raises(unmixcli.UnmixError, match=words):
        separator.separate(audio, 44100)


def test_options_of_the_library_are_checked() -> None:
    with pytest.raises(unmixcli.UnmixError, match="unknown option 'nitre'"):
        unmixcli.Separator(model="umxhq", nitre=1)


def test_one_model_in_several_threads(tiny_model: Path) -> None:
    separator = unmixcli.Separator(model=str(tiny_model), residual=True)
    tracks = [music(2, seed=seed) for seed in range(6)]
    expected = [separator.separate(track, 44100) for track in tracks]
    with ThreadPoolExecutor(6) as pool:
        for one, other in zip(
            expected, pool.map(separator.separate, tracks, [44100] * 6), strict=True
        ):
            for name in separator.stem_names:
                np.testing.assert_array_equal(one[name], other[name])


def test_threads_of_the_caller_are_left_alone(tiny_model: Path) -> None:
    before = torch.get_num_threads()
    separator = unmixcli.Separator(model=str(tiny_model))
    separator.separate(music(1), 44100)
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("code", ["import unmixcli", "import unmixcli.cli.app"])
def test_nothing_heavy_is_imported_early(code: str) -> None:
    heavy = "{'torch', 'torchaudio', 'numpy', 'soundfile', 'av', 'scipy'}"
    check = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-c", check]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
