"""The examples in docstrings run, and give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from networks import four_states, write_folder
from openunmix_models import load
from streams import ArrayMixture, noise
from unmixcli.models import openunmix
from unmixcli.models.interface import Request, ignore
from unmixcli.models.openunmix.options import Options

MODULES = (
    "audio.blocks",
    "demo",
    "evaluation.metrics",
    "options.mixes",
    "signal.em",
    "signal.masks",
    "signal.stft",
    "words",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    results = doctest.testmod(import_module(f"unmixcli.{name}"))
    assert results.attempted and not results.failed


def test_open_unmix_on_one_screen(tmp_path: Path) -> None:
    """The method as the docstring shows it gives the stems of the engine."""
    states = four_states(hidden=16)
    samples = noise(100000)
    names = {"states": list(states.values()), "audio": torch.from_numpy(samples)}
    example = doctest.DocTestParser().get_doctest(
        openunmix.__doc__ or "", names, "openunmix", openunmix.__file__, 0
    )
    results = doctest.DocTestRunner().run(example, clear_globs=False)
    assert results.attempted and not results.failed
    model = load(write_folder(tmp_path, states), tuple(states))
    blocks = model.separate(ArrayMixture(samples), Request(Options(niter=1)), ignore)
    expected = np.concatenate(list(blocks), -1)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(example.globs["stems"], expected, rtol=0, atol=1e-4)
