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
from ..tensors import TensorFile, not_a_network
from .arguments import HDemucsArguments

KIND = "a Hybrid Demucs network of torchaudio"

_NAMES = {
    "freq_encoder": "encoder",
    "time_encoder": "tencoder",
    "freq_decoder": "decoder",
    "time_decoder": "tdecoder",
}
_FIRST = "freq_encoder.0.conv.weight"
_SECOND = "freq_encoder.1.conv.weight"
_EMBEDDING = "freq_emb.embedding.weight"


def measure(file: TensorFile, sources: Sequence[str], sample_rate: int) -> HDemucsArguments:
    """Read the sizes of the network off the shapes of its tensors.

    Parameters
    ----------
    file : TensorFile
    sources : sequence of str
        What the network estimates, in order.
    sample_rate : int
        In Hz.

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
    if found != len(sources) or rest:
        raise ModelError(
            f"{file.path} has {found} sources, but is described as having {len(sources)} "
            f"targets: {', '.join(sources)}"
        )
    try:
        return HDemucsArguments(
            sources=tuple(sources),
            # The spectrogram has a real and an imaginary part for each channel of the audio.
            audio_channels=inputs // 2,
            channels=channels,
            growth=shapes[_SECOND][0] // channels,
            nfft=8 * shapes[_EMBEDDING][0],  # the first layer has a stride of 4
            depth=depth,
            samplerate=sample_rate,
        )
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        raise not_a_network(
            file, KIND, f"its sizes do not go together ({place}: {detail['msg']})"
        ) from None


def names(file: TensorFile) -> dict[str, str]:
    """Return our name of each tensor.

    The norm behind the convolution where the branches merge is left out: the
    file has one, and nothing uses it.
    """
    bare = max(
        (int(m[1]) for key in file.shapes if (m := re.match(r"time_encoder\.(\d{1,6})\.", key))),
        default=0,
    )
    found = {}
    for key in file.shapes:
        branch, _, rest = key.partition(".")
        if not (branch == "time_encoder" and rest.startswith(f"{bare}.norm1.")):
            found[key] = f"{_NAMES.get(branch, branch)}.{rest}"
    return found


def _has(shape: Sequence[int], rank: int) -> bool:
    return len(shape) == rank and all(shape)
