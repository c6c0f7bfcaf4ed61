"""Weights and descriptions that claim what cannot be: one sentence, at once, in little memory."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from networks import JOINT_HEADER, State, joint_state, random_state, write_folder, write_joint
from running import Run
from sounds import music, write_float
from unmixcli.errors import ModelError
from unmixcli.models.openunmix import plugin
from unmixcli.models.openunmix.checkpoint import read_checkpoint
from unmixcli.models.openunmix.joint import read_joint

# Weights

Change = Callable[[State], None]


def set_number(value: float) -> Change:
    def change(state: State) -> None:
        state["fc2.weight"][3, 1] = value

    return change


def complex_numbers(state: State) -> None:
    state["fc2.weight"] = state["fc2.weight"].to(torch.complex64)


def whole_numbers(state: State) -> None:
    state["fc2.weight"] = state["fc2.weight"].to(torch.int32)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_number(float("nan")), "fc2.weight holds numbers that are not finite"),
        (set_number(float("inf")), "fc2.weight holds numbers that are not finite"),
        (set_number(float("-inf")), "fc2.weight holds numbers that are not finite"),
        (complex_numbers, "real numbers"),
        (whole_numbers, "real numbers"),
    ],
)
def test_numbers_that_no_network_has(
    tmp_path: Path, suffix: str, change: Change, words: str
) -> None:
    state = random_state(16)
    change(state)
    path = tmp_path / f"vocals{suffix}"
    (torch.save if suffix == ".pth" else save_file)(state, path)
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("change", [set_number(float("nan")), complex_numbers, whole_numbers])
def test_numbers_that_no_joint_network_has(tmp_path: Path, change: Change) -> None:
    state = joint_state()
    change(state)
    folder = write_joint(tmp_path / "m", state)
    with pytest.raises(ModelError, match=r"joint\.safetensors"):
        read_joint(folder / "joint.safetensors")


def test_the_command_names_the_file(run: Run, tmp_path: Path) -> None:
    state = random_state(16)
    state["bn1.running_var"][0] = float("nan")
    folder = write_folder(tmp_path / "odd", {"vocals": state})
    write_float(Path("s.wav"), music(0.2))
    outcome = run("separate", "s.wav", "-m", folder)
    assert outcome.code == 3 and "odd/vocals.pth is damaged: bn1.running_var" in outcome.error


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update({"fc1.weight": torch.zeros(1).expand(40_000, 40_000)}),
        lambda s: s.update({"lstm.weight_ih_l99999999": torch.zeros(1)}),
        lambda s: s.update({f"lstm.weight_ih_l{'9' * 4000}": torch.zeros(1)}),
    ],
)
def test_a_small_file_takes_little(tmp_path: Path, change: Change) -> None:
    state = random_state(16)
    change(state)
    torch.save(state, tmp_path / "vocals.pth")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(ModelError):
        read_checkpoint(tmp_path / "vocals.pth")
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


# Descriptions


@pytest.mark.parametrize(
    "text",
    [
        '{"args": {"nhop": 1e400}}',
        '{"args": {"nhop": 0}}',
        '{"args": {"nhop": -64}}',
        '{"args": {"nhop": 1000000000}}',
        '{"args": {"nhop": null}}',
        '{"args": {"nhop": [1]}}',
        '{"args": {"nhop": "\\u001b[2J"}}',
        '{"args": {"sample_rate": 1e400}}',
        '{"args": {"sample_rate": NaN}}',
        '{"args": {"sample_rate": -1}}',
        '{"args": {"sample_rate": 9999999999}}',
        f'{{"args": {{"sample_rate": {"9" * 5000}}}}}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_descriptions_that_make_no_sense(run: Run, tmp_path: Path, text: str) -> None:
    folder = write_folder(tmp_path / "odd", {"vocals": random_state(16)})
    (folder / "vocals.json").write_text(text)
    write_float(Path("s.wav"), music(0.2))
    outcome = run("separate", "s.wav", "-m", folder)
    assert outcome.code == 3 and "odd" in outcome.error and outcome.error.isprintable()


@pytest.mark.parametrize("value", ["NaN", "1e400", "-1e400", "true", '"16000"', "[]", "1e300"])
def test_a_bandwidth_is_only_compared(run: Run, tmp_path: Path, value: str) -> None:
    folder = write_folder(tmp_path / "odd", {"vocals": random_state(16)})
    (folder / "vocals.json").write_text(f'{{"args": {{"bandwidth": {value}}}}}')
    write_float(Path("s.wav"), music(0.2))
    assert run("separate", "s.wav", "-m", folder).code == 0


@pytest.mark.parametrize("target", ["..", "a b", "x" * 70, "con", "é"])
def test_targets_that_are_no_names(run: Run, tmp_path: Path, target: str) -> None:
    folder = write_folder(tmp_path / "odd", {target: random_state(16)})
    write_float(Path("s.wav"), music(0.2))
    outcome = run("separate", "s.wav", "-m", folder)
    assert outcome.code == 3 and "odd" in outcome.error


@pytest.mark.parametrize("targets", [5, "vocals", {"a": 1}, [1], [[]], [], None, ["../x"]])
def test_targets_of_a_joint_network(tmp_path: Path, targets: object) -> None:
    folder = write_joint(tmp_path / "m", joint_state())
    (folder / "separator.json").write_text(json.dumps({"targets": targets, "nhop": 1024}))
    with pytest.raises(ModelError, match="the description of the model in"):
        plugin.folder_card(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"n_fft": "1000000000"},
        {"n_fft": "9" * 5000},
        {"n_fft": "inf"},
        {"sample_rate": "99999999999"},
        {"feature_floor": "inf"},
        {"em_factor": "nan"},
    ],
)
def test_headers_that_claim_too_much(tmp_path: Path, change: dict[str, str]) -> None:
    folder = write_joint(tmp_path / "m", joint_state(), JOINT_HEADER | change)
    with pytest.raises(ModelError, match=next(iter(change))):
        read_joint(folder / "joint.safetensors")
