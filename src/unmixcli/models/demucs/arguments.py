"""The arguments that a checkpoint says its network was made with.

A Demucs file holds the class of its network, the arguments of the constructor
and the tensors. Every argument is honoured, refused in a sentence that names
it, or one that only training knew (`TRAINING_ONLY`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ...errors import ModelError

log = logging.getLogger("unmixcli")

LONGEST = 120
"""Seconds of a segment, at most: memory grows with it, and published ones have 8 to 44."""

TRAINING_ONLY = frozenset({
    "rescale", "dconv_init", "emb_smooth", "end_iters", "wiener_residual", "multi_freqs_depth",
    "t_dropout", "t_weight_decay", "t_lr", "t_cape_augment", "t_cape_glob_loc_scale",
    "t_mask_type", "t_mask_random_seed", "t_sparse_attn_window", "t_global_window", "t_sparsity",
    "t_auto_sparsity",
})  # fmt: skip
"""Arguments without effect on a trained network: first values, regularisation, sparse masks."""

REFUSED: Mapping[str, tuple[Any, str]] = {
    "cac": (True, "masks and Wiener filtering instead of complex spectra"),
    "wiener_iters": (0, "Wiener filtering"),
    "hybrid": (True, "no branch for the waveform"),
    "hybrid_old": (False, "the padding of the first networks of 2021"),
    "multi_freqs": (None, "layers of their own for bands of frequencies"),
    "t_sparse_self_attn": (False, "sparse attention"),
    "t_sparse_cross_attn": (False, "sparse attention"),
    "t_sin_random_shift": (0, "positions that are shifted at random"),
}
"""Arguments that only one value is supported of: that value, and what any other means."""

Small = Annotated[int, Field(ge=1, le=64)]


class Arguments(BaseModel):
    """What both classes of networks take; the defaults are those of the constructors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(
        min_length=1, max_length=64
    )
    audio_channels: int = Field(default=2, ge=1, le=8)
    channels: int = Field(default=48, ge=1, le=4096)
    channels_time: int | None = Field(default=None, ge=1, le=4096)
    growth: float = Field(default=2, ge=1, le=8)
    nfft: int = Field(default=4096, ge=32, le=65536, multiple_of=8)
    depth: int = Field(default=6, ge=2, le=12)
    rewrite: bool = True
    freq_emb: float | None = Field(default=0.2, allow_inf_nan=False)
    emb_scale: float = Field(default=10, allow_inf_nan=False)
    kernel_size: Small = 8
    time_stride: Small = 2
    stride: Small = 4
    context: int = Field(default=1, ge=0, le=16)
    context_enc: int = Field(default=0, ge=0, le=16)
    norm_starts: int = 4
    norm_groups: Small = 4
    dconv_mode: Literal[0, 1, 2, 3] = 1
    dconv_depth: int = Field(default=2, ge=-8, le=8)
    dconv_comp: float = Field(default=4, gt=0, le=1024)
    samplerate: int = Field(default=44100, ge=1000, le=384000)
    segment: Any = 40
    """Seconds, as the file gives them: a number or a fraction, such as 39/5."""

    @field_validator("segment")
    @classmethod
    def _seconds(cls, value: object) -> Fraction | float:
        if isinstance(value, (int, float, Fraction)) and 0 < value <= LONGEST:
            return value
        raise ValueError(f"seconds must be a number up to {LONGEST}")

    @model_validator(mode="after")
    def _aligned(self) -> Arguments:
        if self.kernel_size != 2 * self.stride or self.stride % 2:
            raise ValueError("kernel_size must be twice an even stride")
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("sources has a name twice")
        return self

    @property
    def hop(self) -> int:
        """Samples from one frame of the spectrogram to the next."""
        return self.nfft // 4

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return int(self.segment * self.samplerate)


class HDemucsArguments(Arguments):
    """Hybrid Demucs."""

    dconv_attn: int = 4
    dconv_lstm: int = 4


class HTDemucsArguments(Arguments):
    """Hybrid Transformer Demucs."""

    depth: int = Field(default=4, ge=2, le=12)
    dconv_comp: float = Field(default=8, gt=0, le=1024)
    bottom_channels: int = Field(default=0, ge=0, le=8192)
    segment: Any = 10
    use_train_segment: bool = True
    t_layers: int = Field(default=5, ge=0, le=64)
    t_emb: Literal["sin", "cape", "scaled"] = "sin"
    t_hidden_scale: float = Field(default=4.0, gt=0, le=64)
    t_heads: Small = 8
    t_max_positions: int = Field(default=10000, ge=1, le=1_000_000)
    t_norm_in: bool = True
    t_norm_in_group: int = Field(default=0, ge=0, le=64)
    t_group_norm: int = Field(default=0, ge=0, le=64)
    t_norm_first: bool = True
    t_norm_out: bool = True
    t_max_period: float = Field(default=10000.0, gt=1, allow_inf_nan=False)
    t_layer_scale: bool = True
    t_gelu: bool = True
    t_weight_pos_embed: float = Field(default=1.0, allow_inf_nan=False)
    t_cape_mean_normalize: bool = True
    t_cross_first: bool = False


CLASSES: Mapping[str, type[Arguments]] = {
    "demucs.htdemucs.HTDemucs": HTDemucsArguments,
    "demucs.hdemucs.HDemucs": HDemucsArguments,
}
"""The classes that files name, and what describes each."""


@dataclass(frozen=True)
class LayerSizes:
    """Sizes of one layer of the encoder and of its mirror in the decoder."""

    freqs: int
    """Rows of the spectrogram that it reads; 1 where there are only frames left."""
    kernel: int
    stride: int
    merges: bool
    """Whether it reads all rows at once, and the waveform joins the spectrogram."""
    inputs: int
    outputs: int
    time_inputs: int
    time_outputs: int

    @property
    def reads_spectrogram(self) -> bool:
        return self.freqs > 1


def measure_layers(arguments: Arguments) -> list[LayerSizes]:
    """Work out the sizes of all layers, from the outermost to the innermost.

    Raises
    ------
    ValueError
        If a layer would not cut its input into equal parts.
    """
    found: list[LayerSizes] = []
    freqs = arguments.nfft // 2
    inputs, outputs = 2 * arguments.audio_channels, arguments.channels
    time_inputs = arguments.audio_channels
    time_outputs = arguments.channels_time or arguments.channels
    for _ in range(arguments.depth):
        merges = 1 < freqs <= arguments.kernel_size
        if freqs % (2 if merges else arguments.stride) and freqs > 1:
            raise ValueError(f"a spectrogram of {freqs} rows cannot be read in steps of "
                             f"{arguments.stride}")  # fmt: skip
        stride = arguments.stride if freqs > 1 else arguments.time_stride
        kernel = freqs if merges else 2 * stride
        if merges:
            outputs = time_outputs = max(outputs, time_outputs)
        found.append(
            LayerSizes(freqs, kernel, stride, merges, inputs, outputs, time_inputs, time_outputs)
        )
        inputs, outputs = outputs, int(arguments.growth * outputs)
        time_inputs, time_outputs = time_outputs, int(arguments.growth * time_outputs)
        freqs = 1 if merges else max(1, freqs // arguments.stride)
    return found


def parse(path: Path, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """Check what a file says that its network was made with.

    Parameters
    ----------
    path : Path
        The file, for messages.
    name : str
        The class, such as ``demucs.htdemucs.HTDemucs``.
    args, kwargs : sequence, mapping
        The arguments; only the sources may come without a name.

    Raises
    ------
    ModelError
        If the class or an argument is not supported, naming it.
    """
    kind = CLASSES.get(name)
    if kind is None:
        raise ModelError(
            f"{path} holds a network of the class {name[:80]!r}, which is not supported; those of "
            f"{' and '.join(CLASSES)} are"
        )
    given = dict(kwargs) | ({"sources": args[0]} if len(args) == 1 else {})
    if len(args) > 1 or not all(isinstance(key, str) for key in given):
        raise ModelError(f"{path} gives the arguments of its network without their names")
    _refuse(path, given)
    known = kind.model_fields.keys()
    # demucs itself leaves out what its class does not know, such as arguments of other versions.
    for key in given.keys() - known - TRAINING_ONLY - REFUSED.keys():
        log.warning("%s: the argument %r of its network is unknown and left out", path, key[:80])
    try:
        return kind.model_validate({key: given[key] for key in given.keys() & known})
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        reason = detail["msg"].removeprefix("Value error, ")
        raise ModelError(
            f"{path} describes a network that cannot be: {f'{place}: ' if place else ''}{reason}"
        ) from None


def _refuse(path: Path, given: Mapping[str, Any]) -> None:
    for key, (only, meaning) in REFUSED.items():
        value = given.get(key, only)
        if value != only and not (not value and not only):  # such as [] for None
            raise ModelError(
                f"{path} needs {meaning} ({key}={str(value)[:40]}), which is not supported"
            )
