"""Weights in a form to ship: batch norms folded, matrices in float16, a header that tells all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .bands import EDGES, HOP, N_FFT
from .filtering import EM_FACTOR
from .generator import SAMPLE_RATE, TARGETS
from .network import FLOOR, JointOpenUnmix

ARCHITECTURE = "openunmix-joint"


def folded(network: JointOpenUnmix) -> dict[str, Tensor]:
    """The network without its batch norms and whitening: linear layers with biases, and LSTMs.

    Returns
    -------
    dict
        `fc1`, `fc2`, `fc3` with `weight` and `bias`, `lstm.*` as `torch.nn.LSTM` names them,
        `band_edges`.
    """
    state = {k: v.detach().double().cpu() for k, v in network.state_dict().items()}

    def fold(layer: str, norm: str) -> tuple[Tensor, Tensor]:
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-5)
        shift = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        return state[f"{layer}.weight"] * scale[:, None], shift

    weight, bias = fold("fc1", "bn1")
    if network.components:
        weight = weight @ state["whitening"]
        weight = weight - weight.mean(dim=1, keepdim=True)
        bias = bias - weight @ state["input_mean"]
    if network.started:
        scale = state["bn1.weight"] / torch.sqrt(state["bn1.running_var"] + 1e-5)
        weight = weight + state["base"] * scale[:, None]
    out = {"fc1.weight": weight, "fc1.bias": bias}
    out["fc2.weight"], out["fc2.bias"] = fold("fc2", "bn2")
    out["fc3.weight"], out["fc3.bias"] = state["fc3.weight"], state["fc3.bias"]
    out |= {k: v for k, v in state.items() if k.startswith(("lstm.", "refine."))}
    # Vectors are small and stay exact; the matrices are what the file's size is.
    tensors = {k: v.to(torch.float16 if v.ndim > 1 else torch.float32) for k, v in out.items()}
    tensors["band_edges"] = torch.from_numpy(EDGES.astype(np.int32))
    return {k: v.contiguous() for k, v in tensors.items()}


def header() -> dict[str, str]:
    """What a reader must know, in the file's metadata."""
    return {
        "architecture": ARCHITECTURE,
        "targets": ",".join(TARGETS),
        "sample_rate": str(SAMPLE_RATE),
        "channels": "2",
        "n_fft": str(N_FFT),
        "hop": str(HOP),
        "features": "left,right,mid,side",
        "feature_floor": str(FLOOR),
        "activation": "softmax over targets",
        "em_factor": str(EM_FACTOR),
    }


def export(network: JointOpenUnmix, path: Path) -> str:
    """Write a safetensors file; returns its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(folded(network), path, metadata=header())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def export_folder(network: JointOpenUnmix, folder: Path) -> None:
    """A model folder for `unmix separate --model FOLDER`."""
    folder.mkdir(parents=True, exist_ok=True)
    export(network, folder / "joint.safetensors")
    description = {"architecture": ARCHITECTURE, "sample_rate": SAMPLE_RATE, "nfft": N_FFT,
                   "nhop": HOP, "nb_channels": 2, "targets": list(TARGETS)}  # fmt: skip
    (folder / "separator.json").write_text(json.dumps(description, indent=2) + "\n")


def load(path: Path) -> JointOpenUnmix:
    """A network from an exported file or a run's checkpoint, ready to separate."""
    if path.suffix == ".pt":
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = JointOpenUnmix(**state["shape"])
        network.load_state_dict(state["average"])
        return network.eval()
    refusal = f"{path} does not hold a network of the kind {ARCHITECTURE}"
    try:
        opened = safe_open(path, "pt")
    except SafetensorError as error:
        raise ValueError(f"{refusal}: {error}") from None
    with opened as file:
        if (file.metadata() or {}).get("architecture") != ARCHITECTURE:
            raise ValueError(refusal)
        return unfolded({k: file.get_tensor(k) for k in file.keys()})  # noqa: SIM118


def start_from(path: Path) -> JointOpenUnmix:
    """A network to go on with, on songs for which its inputs are measured anew."""
    network = load(path)
    return network if path.suffix != ".pt" else unfolded(folded(network))


def unfolded(tensors: dict[str, Tensor]) -> JointOpenUnmix:
    """A network of what `folded` returns, to separate or to go on with.

    The batch norms come back as fixed scalings: keep their statistics frozen when training goes
    on. The first layer, into which the whitening was folded, comes back as the fixed `base`; what
    fc1 learns is added to it, behind the whitening of the songs that training goes on with
    (`JointOpenUnmix.measure_inputs`), which is where Adam's steps are of a size that suits all
    directions.
    """
    tensors = {k: v.float() for k, v in tensors.items()}
    refine = len(tensors["refine.conv1.bias"]) if "refine.conv1.bias" in tensors else 0
    network = JointOpenUnmix(len(tensors["fc1.bias"]), started=True, refine=refine)
    state = network.state_dict()
    state["base"] = tensors.pop("fc1.weight")
    state["fc1.weight"].zero_()
    state |= {k: v for k, v in tensors.items() if k in state}
    for layer, norm in (("fc1", "bn1"), ("fc2", "bn2")):
        ones = torch.ones_like(tensors[f"{layer}.bias"])
        state |= {f"{norm}.weight": ones, f"{norm}.bias": tensors[f"{layer}.bias"],
                  f"{norm}.running_mean": 0 * ones, f"{norm}.running_var": ones - 1e-5}  # fmt: skip
    network.load_state_dict(state)
    return network.eval()
