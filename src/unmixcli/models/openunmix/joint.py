"""The joint network: one network that divides the mixture among all targets.

This variant of Open-Unmix costs a fraction of four networks. It reads the
logarithm of power in bands instead of the magnitude of bins, and its gains are
masks that add up to one. The header of its file describes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError, safe_open

from ...audio.reading import HIGHEST_RATE
from ...errors import ModelError
from ...words import some
from ..tensors import refuse_infinite
from .input_layers import LogBandFront, LogBands
from .network import Affine, Trunk
from .output_layers import BandMaskHead, Ranges
from .refinement import Refinement, shapes

ARCHITECTURE = "openunmix-joint"
FEATURES = 4
"""Left, right, sum and difference."""


class Header(BaseModel):
    """The header of the file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    targets: tuple[str, ...] = Field(min_length=1)
    sample_rate: int = Field(gt=0, le=HIGHEST_RATE)
    channels: int = Field(ge=2, le=2)
    n_fft: int = Field(ge=64, le=65536, multiple_of=2)
    hop: int = Field(gt=0)
    feature_floor: float = Field(gt=0, allow_inf_nan=False)
    em_factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @field_validator("targets", mode="before")
    @classmethod
    def _split(cls, value: str) -> list[str]:
        return value.split(",")


@dataclass(frozen=True)
class JointCheckpoint:
    """A joint network's header and tensors, checked."""

    path: Path
    header: Header
    state: Mapping[str, torch.Tensor]


def is_joint(path: Path) -> bool:
    """Return whether the header of a file names a joint network."""
    if path.suffix != ".safetensors":
        return False
    return _metadata(path).get("architecture") == ARCHITECTURE


def read_joint(path: Path) -> JointCheckpoint:
    """Read a joint network.

    Raises
    ------
    ModelError
        If the file does not match its header.
    """
    try:
        header = Header.model_validate(_metadata(path))
    except ValidationError as error:
        key = error.errors()[0]["loc"][0]
        raise ModelError(f"the header of {path} has no valid {key}") from None
    with safe_open(path, "pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    _check(path, header, state)
    refuse_infinite(path, state)
    return JointCheckpoint(path, header, state)


def build_joint(
    checkpoint: JointCheckpoint,
    targets: Sequence[str],
    ranges: Ranges,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> tuple[Trunk, LogBandFront, BandMaskHead]:
    """Build the parts of a model from a joint network.

    Products are computed in ``dtype``, except in the input layer and the refinement:
    they read logarithms, whose small differences bfloat16 cannot represent.
    """
    header, state = checkpoint.header, checkpoint.state
    edges = state["band_edges"].long()

    def layer(name: str) -> Affine:
        return Affine.on(device, state[f"{name}.weight"].T, state[f"{name}.bias"])

    trunk = Trunk.of(state, state["fc2.weight"].T, state["fc2.bias"], device)
    bands = LogBands(edges, header.feature_floor, device)
    refinement = Refinement(state, device) if shapes(state, 1, 1) else None
    heads = [header.targets.index(target) for target in targets]
    shape = (len(header.targets), header.channels)
    output = layer("fc3").to(dtype)
    return (
        trunk.to(dtype),
        LogBandFront(layer("fc1"), bands),
        BandMaskHead(
            tuple(targets), heads, shape, output, edges, header.em_factor, ranges,
            bands, refinement,
        ),
    )  # fmt: skip


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as a safetensors file: {error}") from None


def _check(path: Path, header: Header, state: Mapping[str, torch.Tensor]) -> None:
    """Check that all tensors exist and fit together."""
    edges = state.get("band_edges", torch.zeros(1)).long()
    bands = edges.numel() - 1
    hidden = state.get("fc1.bias", torch.zeros(0)).numel()
    masks = len(header.targets) * header.channels
    expected: dict[str, tuple[int, ...]] = {
        "band_edges": (bands + 1,),
        "fc1.weight": (hidden, FEATURES * bands),
        "fc1.bias": (hidden,),
        "fc2.weight": (hidden, 2 * hidden),
        "fc2.bias": (hidden,),
        "fc3.weight": (masks * bands, hidden),
        "fc3.bias": (masks * bands,),
    }
    for layer in range(3):
        for direction in ("", "_reverse"):
            end = f"_l{layer}{direction}"
            expected[f"lstm.weight_ih{end}"] = (2 * hidden, hidden)
            expected[f"lstm.weight_hh{end}"] = (2 * hidden, hidden // 2)
            expected[f"lstm.bias_ih{end}"] = expected[f"lstm.bias_hh{end}"] = (2 * hidden,)
    expected |= shapes(state, FEATURES + masks, masks, bands)
    for key in expected.keys() | state.keys():
        found = tuple(state[key].shape) if key in state else None
        if found != expected.get(key):
            raise ModelError(
                f"{path} is not a joint network: {key} has the shape {found} "
                f"instead of {expected.get(key)}"
            )
    wrong = [key for key in state if not state[key].is_floating_point() and key != "band_edges"]
    if wrong:
        raise ModelError(f"{path} is not a joint network: {some(wrong)} is not of real numbers")
    if (
        hidden < 2
        or bands < 1
        or edges[0] != 0
        or edges[-1] != header.n_fft // 2 + 1
        or edges.diff().min() < 1
    ):
        raise ModelError(f"{path} is not a joint network: its bands do not cover the spectrum")
