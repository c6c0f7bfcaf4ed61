"""Every option of a separation: its default, its range and its help text, once.

The command builds its options from these fields and the library takes the same
ones as keyword arguments, so neither can drift from the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ..errors import UsageError
from .mixes import split_mix
from .template import check_template

AUTO = "auto"
"""The default model; see `unmixcli.models.default`."""

GoalName = Literal[
    "karaoke", "acapella", "stems", "six-stems", "drum-parts", "lead-vocals", "cleaning"
]
"""What a model can be chosen for; see `unmixcli.models.goals`."""

SHORTHANDS = ("niter", "softmask", "alpha", "wiener_win_len")
"""Options of some models that have their own flags."""

# What each field changes. The record beside the stems and the page follow from these
# sets; a test checks that every field is in exactly one of them.
CHANGES_SOUND = frozenset(
    (
        "targets",
        "residual",
        "start",
        "duration",
        "mix",
        "preset",
        "only_mixes",
        "sample_rate",
        "precision",
    )
)
CHANGES_FILES = frozenset(("format", "bit_depth", "quality", "clip", "tags"))
CHANGES_NOTHING = frozenset(
    (
        "device",
        "temp_dir",
        "offline",
        "outdir",
        "filename",
        "page",
        "overwrite",
        "skip_existing",
        "compare_content",
    )
)
CHANGES_MODEL = frozenset(("model", "goal", "effort", "options", *SHORTHANDS))
"""These choose the model and its options; the record holds the resulting values."""


def _split_names(value: Any) -> Any:
    """Accept ``"vocals,drums"`` and ``["vocals,drums", "bass"]`` for a list of names."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(
            name.strip() for item in value for name in str(item).split(",") if name.strip()
        )
    return value


def _split_pairs(value: Any) -> Any:
    """Accept ``["KEY=VALUE", ...]`` for a mapping, and numbers for its values."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, (list, tuple)):
        pairs = {}
        for pair in map(str, value):
            key, equals, content = (part.strip() for part in pair.partition("="))
            if not equals or not key:
                raise ValueError(f"{pair!r} is not of the form KEY=VALUE")
            pairs[key] = content
        return pairs
    if isinstance(value, Mapping):
        return {key: _word(content) for key, content in value.items()}
    return value


def _split_mixes(value: Any) -> Any:
    """Accept ``{NAME: "a+b"}`` and ``"NAME=a+b,..."`` for a list of ``NAME=a+b``."""
    if isinstance(value, Mapping):
        value = [f"{name}={content}" for name, content in value.items()]
    return _split_names(value)


def _word(value: Any) -> Any:
    """Turn a number or a boolean from a file into the text that a user would type."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _lower(value: Any) -> Any:
    value = _word(value)
    return value.lower().lstrip(".") if isinstance(value, str) else value


def _check_rate(value: Any) -> int | str:
    word = _lower(value)
    if word in ("input", "model"):
        return str(word)
    if not str(word).isdecimal() or not 1000 <= int(word) <= 384000:
        raise ValueError("it must be input, model or a number of Hz from 1000 to 384000")
    return int(word)


def _check_mixes(mixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("=".join(split_mix(text)) for text in mixes)


_Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class SeparationConfig(BaseModel):
    """Options of a separation, as `unmix separate` and the library understand them.

    Immutable. Raises `UsageError` through `parse`, pydantic's own error otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default=AUTO,
        min_length=1,
        description="Name of a model (see `unmix models list`) or a folder with your own. auto is "
        "umxhq, or the built-in umx-synth if umxhq is not on this machine and cannot be "
        "downloaded.",
    )
    goal: Annotated[GoalName, BeforeValidator(_lower)] | None = Field(
        default=None,
        description="Choose the model by what you want: karaoke, acapella, stems, six-stems, "
        "drum-parts, lead-vocals or cleaning; `unmix models list --for NAME` ranks them.",
    )
    effort: Annotated[Literal["fast", "normal", "best"], BeforeValidator(_lower)] = Field(
        default="normal",
        description="How long --for may take: fast, normal (about as long as the track, or "
        "twice) or best.",
    )
    targets: Annotated[tuple[str, ...], BeforeValidator(_split_names)] = Field(
        default=(),
        description="Targets to estimate, comma-separated or repeated: vocals,drums. "
        "All of the model's targets if not given.",
    )
    residual: bool = Field(
        default=False,
        description="Also write the mixture minus the targets: as 'accompaniment' with one "
        "target, as 'residual' with several.",
    )
    start: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Start at this second of the track."
    )
    duration: float = Field(
        default=-1.0,
        allow_inf_nan=False,
        description="Separate this many seconds; a negative number means to the end.",
    )
    niter: int | None = Field(
        default=None,
        ge=0,
        description="EM iterations that refine the first estimates; 1 if not given. 0 is fastest; "
        "more iterations remove more interference but add artifacts. Open-Unmix only.",
    )
    softmask: bool | None = Field(
        default=None,
        description="Make the first estimates with a ratio mask instead of combining the "
        "estimated magnitudes with the mixture phase. Open-Unmix only.",
    )
    alpha: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Exponent of the --softmask ratio mask; 1 if not given. A smaller one leaves "
        "more interference and sounds smoother; a larger one does the reverse. Open-Unmix only.",
    )
    wiener_win_len: int | None = Field(
        default=None,
        ge=0,
        description="Frames in one window of the EM; 300 if not given. 0 makes the whole track one "
        "window. Open-Unmix only.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="Device to compute on: auto, cpu, cuda, cuda:N or mps.",
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], BeforeValidator(_lower)
    ] = Field(
        default="auto",
        description="Arithmetic of the networks: float32 is exact; bfloat16 is faster on "
        "processors and graphics cards that support it, with no audible difference; auto is "
        "float32 on processors.",
    )
    temp_dir: _Folder | None = Field(
        default=None,
        description="Folder for the temporary files of long tracks, about 2 GB for an hour "
        "with four targets.",
    )
    options: Annotated[dict[str, str], BeforeValidator(_split_pairs)] = Field(
        default={},
        description="Set one of the model's own options, repeatable; "
        "`unmix models info NAME` lists them.",
    )
    offline: bool = Field(
        default=False, description="Never use the network; fail if weights are missing."
    )
    mix: Annotated[tuple[str, ...], BeforeValidator(_split_mixes), AfterValidator(_check_mixes)] = (
        Field(
            default=(),
            description="Also write a sum of targets, 'mixture' and 'residual', as NAME=a+b-c; "
            "repeatable.",
        )
    )
    preset: Annotated[
        tuple[Literal["karaoke", "acapella", "drumless", "bassless"], ...],
        BeforeValidator(_split_names),
    ] = Field(
        default=(),
        description="Write only this mix, and estimate only the targets that it needs: karaoke, "
        "acapella, drumless or bassless.",
    )
    only_mixes: bool | None = Field(
        default=None,
        description="Write the mixes without the stems; --preset turns this on.",
    )
    outdir: _Folder | None = Field(
        default=None,
        description="Write to OUTDIR/TRACK/TARGET.wav instead of TRACK_MODEL/TARGET.wav "
        "in the working directory.",
    )
    filename: Annotated[str, AfterValidator(check_template)] | None = Field(
        default=None,
        description="Template for file names below OUTDIR, such as '{artist}/{track} "
        "{target}.{ext}'. Fields: {track} {target} {model} {ext} {artist} {title} {folder}; "
        "{folder} is the recording's.",
    )
    format: Annotated[Literal["wav", "flac", "ogg", "opus", "mp3"], BeforeValidator(_lower)] = (
        Field(default="wav", description="File format of the stems: wav, flac, ogg, opus or mp3.")
    )
    bit_depth: Annotated[Literal["16", "24", "32f"], BeforeValidator(_lower)] | None = Field(
        default=None,
        description="16, 24 or 32f (floating point). wav supports all three and defaults to 32f; "
        "flac supports 16 and 24 and defaults to 24.",
    )
    quality: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Quality of a lossy format, 0 (smallest) to 10 (best); if not given, 7 for "
        "ogg, 4 for opus and 9 for mp3.",
    )
    clip: Literal["none", "clamp", "rescale"] | None = Field(
        default=None,
        description="What to do with samples beyond full scale: none keeps them, clamp limits each "
        "one, rescale turns all stems of a track down by the same gain. If not given, none for "
        "32f and clamp otherwise.",
    )
    sample_rate: Annotated[int | str, BeforeValidator(_check_rate)] = Field(
        default="input", description="Sample rate of the stems: input, model or a number of Hz."
    )
    tags: bool = Field(
        default=True, description="Copy title, artist, album, date, cover… to the stems."
    )
    page: bool = Field(
        default=False,
        description="Also write index.html next to the stems: a page to listen to them, in any "
        "browser, without a network.",
    )
    overwrite: bool = Field(default=False, description="Replace existing stems.")
    skip_existing: bool = Field(
        default=False,
        description="Skip recordings whose stems are complete and were made from the same input "
        "with the same model and options.",
    )
    compare_content: bool = Field(
        default=False,
        description="With --skip-existing, compare recordings by their bytes even if size and "
        "time are the same; slower.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.duration == 0:
            raise ValueError("duration is 0 seconds, which leaves nothing to separate")
        if self.goal and self.model != AUTO:
            raise ValueError("give either a model or what to choose one for (--for), not both")
        if len(set(self.targets)) != len(self.targets):
            raise ValueError(f"a target is named twice: {', '.join(self.targets)}")
        return self

    @classmethod
    def parse(cls, **values: Any) -> Self:
        """Build a config; report all invalid values in one sentence.

        Raises
        ------
        UsageError
            If an option is unknown or its value is out of range.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise UsageError("; ".join(_sentence(detail) for detail in error.errors())) from None

    def shorthands(self) -> dict[str, Any]:
        """Return the model options that were given by their own flags."""
        values = {name: getattr(self, name) for name in SHORTHANDS}
        return {name: value for name, value in values.items() if value is not None}


def _sentence(detail: Any) -> str:
    """Turn one of pydantic's errors into words that a user can act on."""
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return str(message)
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"there is no option {name!r}"
    value = detail["input"]
    shown = f" {value!r}" if isinstance(value, (str, int, float)) else ""
    return f"{name}{shown}: {message[0].lower()}{message[1:]}"
