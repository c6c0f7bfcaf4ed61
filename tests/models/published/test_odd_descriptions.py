"""Descriptions in YAML that claim what cannot be: one sentence, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from unmixcli.errors import ModelError
from unmixcli.models.published import read_published

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, 90))
"""A list of 2 ** 90 values in a file of 2 kB."""


@pytest.mark.parametrize(
    "text",
    [
        BOMB + "model: *a89\ntraining: {}\n",
        BOMB + "model: {num_bands: 4, depth: *a89}\ntraining: {instruments: [*a89]}\n",
        BOMB + "model: {num_bands: 4, depth: 1}\ntraining: {model_type: *a89}\n",
        BOMB + "audio: {num_channels: *a89}\nmodel: {band_SR: 1}\ntraining: {instruments: [a]}\n",
        BOMB + "model: {band_SR: 1}\ninference: {normalize: *a89}\ntraining: {instruments: [a]}\n",
        "model: {band_SR: 1, hop_size: 1e400}\ntraining: {instruments: [a]}\n",
        f"model: {{band_SR: 1, hop_size: {'9' * 5000}}}\ntraining: {{instruments: [a]}}\n",
        "model: " + "[" * 5000,
        'model: "\\x1b[2J"\ntraining: {}\n',
        "model: {}\ntraining: {}\n",
    ],
)
def test_one_sentence_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(ModelError) as caught:
        read_published(path)
    assert time.process_time() - began < 5
    assert str(caught.value).isprintable() and len(str(caught.value)) < 700
