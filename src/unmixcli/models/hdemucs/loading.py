"""From a card and its file to a network: what it takes, and whether the file is one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import ModelError
from ...words import some
from ..cards import ModelCard
from ..segmented import SegmentedModel
from ..tensors import read_state
from .streaming import hybrid_demucs

LAST_TORCHAUDIO = 11
"""torchaudio 2.11 is the last; it serves every later torch."""
MAX_DEPTH = 16
"""More layers than this halve any spectrum to nothing."""

_FIRST = "freq_encoder.0.conv.weight"
_SECOND = "freq_encoder.1.conv.weight"
_EMBEDDING = "freq_emb.embedding.weight"


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model from a checkpoint; see `unmixcli.models.interface.Plugin.load`.

    The checkpoint is a state dict of `torchaudio.models.HDemucs`, in sizes that
    are read off its tensors. It does not hold the names of its sources: the
    card's targets name them, in order.
    """
    architecture = import_architecture(card.name)
    if len(card.weights) != 1:
        raise ModelError(
            f"{card.name} names {len(card.weights)} weights files; a Hybrid Demucs network "
            "estimates all targets and is one file"
        )
    path = weights[card.weights[0].file]
    network = build_network(architecture, path, card).to(torch.device(device))
    return hybrid_demucs(network, card, targets, torch.device(device))


def build_network(architecture: Callable[..., nn.Module], path: Path, card: ModelCard) -> nn.Module:
    """Build the network that a file holds, ready to infer.

    Parameters
    ----------
    architecture : callable
        `torchaudio.models.HDemucs`.
    path : Path
        A state dict of it.
    card : ModelCard
        Its targets name the network's sources, in order.

    Raises
    ------
    ModelError
        If the file cannot be read or is not exactly such a network.
    """
    state = read_state(path)
    sizes = _measure(path, state, card)
    try:
        # Without memory or a first guess for the parameters: the file has them.
        with torch.device("meta"):
            network = architecture(list(card.targets), **sizes)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise _not_a_network(path, f"its sizes do not go together ({error})") from None
    _compare(path, state, network.state_dict())
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _measure(path: Path, state: Mapping[str, torch.Tensor], card: ModelCard) -> dict[str, int]:
    """Read the sizes of the network off its tensors."""
    layers = [re.match(r"freq_encoder\.(\d{1,6})\.", key) for key in state]
    depth = 1 + max((int(layer[1]) for layer in layers if layer), default=-1)
    last = f"freq_decoder.{depth - 1}.conv_tr.bias"
    dimensions = {_FIRST: 4, _SECOND: 4, _EMBEDDING: 2, last: 1}
    lacking = [key for key, count in dimensions.items() if _rank(state, key) != count]
    if lacking or depth > MAX_DEPTH:
        raise _not_a_network(path, f"it lacks {some(lacking)}" if lacking else f"{depth} layers")
    channels, inputs = state[_FIRST].shape[:2]
    # The spectrogram has a real and an imaginary part for each channel of the audio.
    audio_channels = max(1, inputs // 2)
    sources, rest = divmod(state[last].numel(), inputs)
    if sources != len(card.targets) or rest:
        raise ModelError(
            f"{path} has {sources} sources, but {card.name} is described as having "
            f"{len(card.targets)} targets: {', '.join(card.targets)}"
        )
    if card.channels not in (None, audio_channels):
        raise ModelError(
            f"{path} has {audio_channels} channels, but {card.name} is described as having "
            f"{card.channels}"
        )
    return {
        "audio_channels": audio_channels,
        "channels": channels,
        "growth": max(1, state[_SECOND].shape[0] // channels),
        "nfft": 8 * state[_EMBEDDING].shape[0],  # the first layer has a stride of 4
        "depth": depth,
    }


def _rank(state: Mapping[str, torch.Tensor], key: str) -> int:
    return state[key].dim() if key in state and state[key].numel() else -1


def _compare(
    path: Path, state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> None:
    """Check a state dict key by key and shape by shape."""
    missing = sorted(expected.keys() - state.keys())
    foreign = sorted(state.keys() - expected.keys())
    parts = [f"it lacks {some(missing)}"] if missing else []
    parts += [f"it has {some(foreign)}, which do not belong there"] if foreign else []
    if parts:
        raise _not_a_network(path, " and ".join(parts))
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            raise _not_a_network(
                path,
                f"{key} has the shape {tuple(state[key].shape)}, and the other tensors "
                f"call for {tuple(tensor.shape)}",
            )


def _not_a_network(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path} is not a Hybrid Demucs network: {reason}")


def import_architecture(model: str) -> Callable[..., Any]:
    """Import torchaudio's network.

    Raises
    ------
    ModelError
        If torchaudio cannot be imported: why, and how to install what fits.
    """
    try:
        from torchaudio.models import HDemucs
    except Exception as error:  # OSError, RuntimeError: a build for another torch or CUDA
        if isinstance(error, ModuleNotFoundError) and error.name == "torchaudio":
            reason = "is not installed"
        else:
            words = " ".join(str(error).split()).split(". ")[0].rstrip(".")
            reason = f"cannot be imported ({words or type(error).__name__})"
        raise ModelError(
            f"{model} needs torchaudio, which {reason}; install the build for your torch "
            f"{torch.__version__}: {_install_command()}"
        ) from error
    architecture: Callable[..., Any] = HDemucs
    return architecture


def _install_command() -> str:
    """Return the command that installs the torchaudio that fits this torch."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    command = f"pip install --force-reinstall --no-deps torchaudio~={major}."
    command += f"{min(minor, LAST_TORCHAUDIO)}.0"
    if sys.platform == "darwin":  # there is one build only
        return command
    if torch.version.hip:
        build = "rocm" + ".".join(torch.version.hip.split(".")[:2])
    else:
        build = "cu" + torch.version.cuda.replace(".", "") if torch.version.cuda else "cpu"
    return f"{command} --index-url https://download.pytorch.org/whl/{build}"
