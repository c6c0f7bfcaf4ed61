"""Open-Unmix checkpoints with random weights, in the layout of the published files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

State = dict[str, torch.Tensor]


def random_state(
    hidden: int = 16,
    n_fft: int = 4096,
    bins: int | None = 1487,
    channels: int = 2,
    bidirectional: bool = True,
    layers: int = 3,
    seed: int = 0,
) -> State:
    """A network that does something: its gains lie between 0 and 1 and vary."""
    random = torch.Generator().manual_seed(seed)
    output_bins = n_fft // 2 + 1
    bins = min(bins or output_bins, output_bins)

    def normal(*shape: int, scale: float) -> torch.Tensor:
        return torch.randn(shape, generator=random) * scale

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random) * (high - low) + low

    width = hidden // 2 if bidirectional else hidden
    state = {
        "input_mean": uniform(-0.5, 0, bins),
        "input_scale": uniform(0.2, 1, bins),
        "output_scale": uniform(0.05, 0.2, output_bins),
        "output_mean": uniform(0, 0.5, output_bins),
        "fc1.weight": normal(hidden, channels * bins, scale=(channels * bins) ** -0.5),
        "fc2.weight": normal(hidden, 2 * hidden, scale=(2 * hidden) ** -0.5),
        "fc3.weight": normal(channels * output_bins, hidden, scale=hidden**-0.5),
    }
    for name, size in (("bn1", hidden), ("bn2", hidden), ("bn3", channels * output_bins)):
        state[f"{name}.weight"] = uniform(0.5, 1.5, size)
        state[f"{name}.bias"] = normal(size, scale=0.1)
        state[f"{name}.running_mean"] = normal(size, scale=0.1)
        state[f"{name}.running_var"] = uniform(0.5, 1.5, size)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)
    for layer in range(layers):
        for direction in ("", "_reverse") if bidirectional else ("",):
            end = f"_l{layer}{direction}"
            scale = 2 * width**-0.5
            state[f"lstm.weight_ih{end}"] = normal(4 * width, hidden, scale=scale)
            state[f"lstm.weight_hh{end}"] = normal(4 * width, width, scale=scale)
            state[f"lstm.bias_ih{end}"] = normal(4 * width, scale=0.1)
            state[f"lstm.bias_hh{end}"] = normal(4 * width, scale=0.1)
    return state


LEGACY = {
    "sample_rate": torch.tensor(44100.0),
    "stft.window": torch.hann_window(4096),
    "transform.0.window": torch.hann_window(4096),
}
"""Keys of the published files that are not part of the network."""


def write_folder(
    folder: Path,
    states: Mapping[str, State],
    n_fft: int = 4096,
    hop: int = 1024,
    sample_rate: int | None = None,
    legacy: bool = True,
) -> Path:
    """Write a model folder as Open-Unmix's training does."""
    folder.mkdir(parents=True, exist_ok=True)
    for target, state in states.items():
        torch.save(state | (LEGACY if legacy else {}), folder / f"{target}.pth")
        arguments = {
            "nfft": n_fft,
            "nhop": hop,
            "nb_channels": state["fc1.weight"].shape[1] // state["input_mean"].numel(),
            "hidden_size": state["fc1.weight"].shape[0],
            "bandwidth": 16000,
        }
        (folder / f"{target}.json").write_text(json.dumps({"args": arguments}))
    if sample_rate:
        common = {"sample_rate": sample_rate, "nfft": n_fft, "nhop": hop}
        (folder / "separator.json").write_text(json.dumps(common))
    return folder


TARGETS = ("vocals", "drums", "bass", "other")


def four_states(**sizes: int) -> dict[str, State]:
    """A network for each of the usual targets."""
    return {target: random_state(seed=k, **sizes) for k, target in enumerate(TARGETS)}


def joint_edges(bins: int = 2049) -> torch.Tensor:
    """Single bins at the bottom, wider bands above."""
    firsts = [*range(0, 100), *range(100, 500, 4), *range(500, bins - 20, 30)]
    return torch.tensor([*firsts, bins], dtype=torch.int32)


def joint_state(hidden: int = 16, seed: int = 0) -> State:
    """A joint network for four targets, its matrices in float16 as they ship."""
    random = torch.Generator().manual_seed(seed)
    edges = joint_edges()
    bands = len(edges) - 1

    def normal(*shape: int) -> torch.Tensor:
        values = torch.randn(shape, generator=random) * shape[-1] ** -0.5
        return values.half() if len(shape) == 2 else values

    state = {
        "band_edges": edges,
        "fc1.weight": normal(hidden, 4 * bands),
        "fc1.bias": normal(hidden),
        "fc2.weight": normal(hidden, 2 * hidden),
        "fc2.bias": normal(hidden),
        "fc3.weight": normal(4 * 2 * bands, hidden) * 4,
        "fc3.bias": normal(4 * 2 * bands),
    }
    for layer in range(3):
        for direction in ("", "_reverse"):
            end = f"_l{layer}{direction}"
            state[f"lstm.weight_ih{end}"] = normal(2 * hidden, hidden)
            state[f"lstm.weight_hh{end}"] = normal(2 * hidden, hidden // 2)
            state[f"lstm.bias_ih{end}"] = normal(2 * hidden)
            state[f"lstm.bias_hh{end}"] = normal(2 * hidden)
    return state


JOINT_HEADER = {
    "architecture": "openunmix-joint",
    "targets": ",".join(TARGETS),
    "sample_rate": "44100",
    "channels": "2",
    "n_fft": "4096",
    "hop": "1024",
    "feature_floor": "0.0001",
}


def refinement_state(channels: int = 3, seed: int = 1) -> State:
    """The convolutions that correct a joint network's logits."""
    random = torch.Generator().manual_seed(seed)
    shapes = {"conv1.weight": (channels, 12, 3, 3), "conv1.bias": (channels,),
              "position": (channels, 1, len(joint_edges()) - 1),
              "conv2.weight": (channels, channels, 3, 3), "conv2.bias": (channels,),
              "conv3.weight": (8, channels, 1, 1), "conv3.bias": (8,)}  # fmt: skip
    return {f"refine.{k}": 0.3 * torch.randn(v, generator=random) for k, v in shapes.items()}


def write_joint(folder: Path, state: State, header: dict[str, str] | None = None) -> Path:
    """Write a model folder with a joint network."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "joint.safetensors", metadata=header or JOINT_HEADER)
    described = {"architecture": "openunmix-joint", "sample_rate": 44100, "targets": TARGETS}
    (folder / "separator.json").write_text(json.dumps(described))
    return folder
