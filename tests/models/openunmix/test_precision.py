"""Open-Unmix in bfloat16: close to float32, and refused by models that do not support it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import unmixcli
from networks import four_states, write_folder
from sounds import music
from unmixcli.errors import UsageError
from unmixcli.separation import precision


@pytest.mark.parametrize("niter", [0, 1])
@pytest.mark.parametrize("model", ["umx-synth", "folder"])
def test_bfloat16_is_inaudibly_near_float32(model: str, niter: int, tmp_path: Path) -> None:
    if model == "folder":
        model = str(write_folder(tmp_path / "m", four_states(hidden=64)))
    audio = music(2)
    exact, near = (
        unmixcli.Separator(model=model, niter=niter, precision=kind, device="cpu").separate(
            audio, 44100
        )
        for kind in ("float32", "bfloat16")
    )
    for name, stem in exact.items():
        error = ((stem - near[name]) ** 2).sum()
        # A quiet stem of noise matters less than what it is part of.
        assert error and 10 * np.log10((audio**2).sum() / error) > 40


def test_auto_is_float32_on_a_processor() -> None:
    assert precision.resolve_precision("auto", "cpu", ("float32", "bfloat16"), "x") == "float32"


def test_a_model_without_it_is_named() -> None:
    with pytest.raises(UsageError, match="tiny does not support bfloat16, only float32"):
        precision.resolve_precision("bfloat16", "cpu", ("float32",), "tiny")


def test_a_processor_without_it_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: False)
    offered = ("float32", "bfloat16")
    assert precision.resolve_precision("bfloat16", "cpu", offered, "x") == "bfloat16"
    assert "slower than float32 here" in caplog.text
