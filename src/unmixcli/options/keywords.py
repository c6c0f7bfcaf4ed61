"""The options of a separation as keyword arguments, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    import torch

    from .config import GoalName


class Options(TypedDict, total=False):
    """The fields of `SeparationConfig`; a test keeps the two the same."""

    model: str
    goal: GoalName | None
    effort: Literal["fast", "normal", "best"]
    targets: str | Sequence[str]
    residual: bool
    sum: str
    start: float | str
    duration: float | str
    niter: int | None
    softmask: bool | None
    alpha: float | None
    wiener_win_len: int | None
    device: str | torch.device
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    temp_dir: str | PathLike[str] | None
    options: Mapping[str, str | int | float | bool]
    offline: bool | None
    mix: str | Sequence[str] | Mapping[str, str]
    preset: str | Sequence[Literal["karaoke", "acapella", "drumless", "bassless"]]
    only_mixes: bool | None
    outdir: str | PathLike[str] | None
    filename: str | None
    format: Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"]
    bit_depth: Literal["16", "24", "32f"] | None
    quality: float | str | None
    clip: Literal["none", "clamp", "rescale"] | None
    loudness: float | None
    sample_rate: Literal["input", "model"] | int
    tags: bool
    page: bool
    overwrite: bool
    skip_existing: bool
    compare_content: bool
