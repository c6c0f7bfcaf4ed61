"""Hybrid Demucs as torchaudio saves it: other names, and nothing but tensors.

The network is the same. Its sizes are read off the tensors; what cannot be
read off them is as `torchaudio.models.HDemucs` has it by default. The file does
not hold the names of its sources: the card's targets name them, in order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from ...errors import ModelError
from ...words import some
from ..cards import ModelCard
from ..tensors import TensorFile, not_a_network
from .arguments import HDemucsArguments

KIND = "a Hybrid Demucs network of torchaudio"

_NAMES = {
    "encoder": "freq_encoder",
    "tencoder": "time_encoder",
    "decoder": "freq_decoder",
    "tdecoder": "time_decoder",
}
_FIRST = "freq_encoder.0.conv.weight"
_SECOND = "freq_encoder.1.conv.weight"
_EMBEDDING = "freq_emb.embedding.weight"


def measure(file: TensorFile, card: ModelCard) -> HDemucsArguments:
    """Read the sizes of the network off the shapes of its tensors.

    Parameters
    ----------
    file : TensorFile
    card : ModelCard
        Its targets name the network's sources, in order.

    Raises
    ------
    ModelError
        If the file lacks a tensor that says a size, or has another number of sources.
    """
    shapes = file.shapes
    layers = [re.match(r"freq_encoder\.(\d{1,6})\.", key) for key in shapes]
    depth = 1 + max((int(layer[1]) for layer in layers if layer), default=-1)
    last = f"freq_decoder.{depth - 1}.conv_tr.bias"
    ranks = {_FIRST: 4, _SECOND: 4, _EMBEDDING: 2, last: 1}
    lacking = [key for key, rank in ranks.items() if not _has(shapes.get(key, ()), rank)]
    if lacking:
        raise not_a_network(file, KIND, f"it lacks {some(lacking)}")
    channels, inputs = shapes[_FIRST][:2]
    found, rest = divmod(shapes[last][0], inputs)
    if found != len(card.targets) or rest:
        raise ModelError(
            f"{file.path} has {found} sources, but {card.name} is described as having "
            f"{len(card.targets)} targets: {', '.join(card.targets)}"
        )
    try:
        return HDemucsArguments(
            sources=card.targets,
            # The spectrogram has a real and an imaginary part for each channel of the audio.
            audio_channels=inputs // 2,
            channels=channels,
            growth=shapes[_SECOND][0] // channels,
            nfft=8 * shapes[_EMBEDDING][0],  # the first layer has a stride of 4
            depth=depth,
            samplerate=card.sample_rate,
        )
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        raise not_a_network(
            file, KIND, f"its sizes do not go together ({place}: {detail['msg']})"
        ) from None


def key_of(name: str) -> str:
    """Return what torchaudio calls one of our tensors.

    >>> key_of("tencoder.0.conv.weight")
    'time_encoder.0.conv.weight'
    """
    branch, _, rest = name.partition(".")
    return f"{_NAMES.get(branch, branch)}.{rest}"


def unused(file: TensorFile) -> list[str]:
    """Name the norm behind the convolution where the branches merge: it is there for nothing."""
    layers = [re.match(r"time_encoder\.(\d{1,6})\.", key) for key in file.shapes]
    bare = max((int(layer[1]) for layer in layers if layer), default=0)
    return [f"time_encoder.{bare}.norm1.{part}" for part in ("weight", "bias")]


def _has(shape: Sequence[int], rank: int) -> bool:
    return len(shape) == rank and all(shape)
