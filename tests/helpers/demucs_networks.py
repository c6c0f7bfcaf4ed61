"""Networks of the package demucs small enough for tests, and the files it saves them in."""

from __future__ import annotations

import hashlib
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from streams import Audio

SOURCES = ("drums", "bass", "other", "vocals")
RATE = 8000
SEGMENT = Fraction(39, 80)
"""Seconds of a small transformer's segment: 3,900 samples."""

_TRANSFORMER = {
    "channels": 8, "nfft": 512, "depth": 3, "bottom_channels": 16, "t_layers": 3, "t_heads": 4,
    "dconv_mode": 3, "segment": SEGMENT,
}  # fmt: skip
_HYBRID = {"channels": 8, "nfft": 1024, "depth": 5, "norm_starts": 3, "segment": 0.5}


def network(kind: str = "HTDemucs", seed: int = 0, **arguments: Any) -> Any:
    """Build demucs' own network, the same one for the same seed.

    Its residual branches and norms begin so small that a fault in them would
    not show, so they are made larger.
    """
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    known = {"sources": list(SOURCES), "samplerate": RATE}
    known |= _TRANSFORMER if kind == "HTDemucs" else _HYBRID
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        made = {"HDemucs": HDemucs, "HTDemucs": HTDemucs}[kind](**known | arguments)
        for name, parameter in made.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * torch.randn(parameter.shape))
            elif name.endswith("scale"):
                parameter.copy_(0.5 * torch.randn(parameter.shape))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn(parameter.shape))
    return made.eval()


def class_name(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def save_package(model: Any, folder: Path, signature: str = "955717e8", half: bool = False) -> Path:
    """Save a network as demucs does: ``SIG-CHECKSUM.th``, its class and arguments with it."""
    from demucs.states import get_state

    args, kwargs = model._init_args_kwargs
    package = {
        "klass": type(model),
        "args": args,
        "kwargs": kwargs,
        "state": get_state(model, None, half=half),
        "training_args": {"epochs": 360, "dset": {"segment": 11}, "optim": {"lr": 3e-4}},
        "metrics": (None, [{"nsdr": 9.0}]),
    }
    return save_content(package, folder, signature)


def save_content(content: object, folder: Path, signature: str = "955717e8") -> Path:
    """Save anything under a name with its checksum."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    checksum = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    path = folder / f"{signature}-{checksum}.th"
    path.write_bytes(buffer.getvalue())
    return path


def header(model: Any) -> dict[str, str]:
    """Return what demucs writes in the header of a safetensors file."""

    def plain(value: Any) -> Any:
        assert isinstance(value, Fraction)
        return {
            "_type": "fraction",
            "numerator": value.numerator,
            "denominator": value.denominator,
        }

    args, kwargs = model._init_args_kwargs
    return {
        "klass": class_name(model),
        "args": json.dumps(args),
        "kwargs": json.dumps(kwargs, default=plain),
    }


def save_safetensors(
    model: Any, path: Path, half: bool = False, metadata: dict[str, str] | None = None
) -> Path:
    """Save a network as demucs' repositories on Hugging Face have it."""
    state = {k: v.half() if half else v.clone() for k, v in model.state_dict().items()}
    save_file(state, path, header(model) if metadata is None else metadata)
    return path


def separate_whole(model: Any, audio: Audio, **options: Any) -> Audio:
    """Separate a whole track as ``demucs`` does, without random shifts."""
    from demucs.apply import apply_model

    mixture = torch.from_numpy(audio)
    middle = mixture.mean(0)
    mean = middle.mean()
    deviation = middle.std() if len(middle) > 1 else torch.tensor(0.0)
    scale = deviation + 1e-8
    with torch.inference_mode():
        stems = apply_model(model, ((mixture - mean) / scale)[None], shifts=0, **options)
    return np.asarray(stems[0] * scale + mean)
