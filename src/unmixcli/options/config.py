"""Every option of a separation: its default, its range and its help text, once.

The command builds its options from these fields and the library takes the same
ones as keyword arguments, so neither can drift from the other.
"""

from __future__ import annotations

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
from ..words import nearest
from .template import check_template
from .values import (
    check_loudness,
    check_mixes,
    check_rate,
    lower,
    name_of_device,
    quality_of,
    seconds,
    split_mixes,
    split_names,
    split_pairs,
)

AUTO = "auto"
"""The default model; see `unmixcli.models.default`."""

GoalName = Literal[
    "karaoke", "acapella", "stems", "six-stems", "drum-parts", "lead-vocals", "cleaning"
]
"""The goals that a model can be chosen for; see `unmixcli.models.goals`."""

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
        "sum",
    )
)
CHANGES_FILES = frozenset(("format", "bit_depth", "quality", "clip", "loudness", "tags"))
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
    goal: Annotated[GoalName, BeforeValidator(lower)] | None = Field(
        default=None,
        description="Choose the model by what you want: karaoke, acapella, stems, six-stems, "
        "drum-parts, lead-vocals or cleaning; `unmix models list --for NAME` ranks them.",
    )
    effort: Annotated[Literal["fast", "normal", "best"], BeforeValidator(lower)] = Field(
        default="normal",
        description="How long --for may take: fast, normal (about as long as the track, or "
        "twice) or best.",
    )
    targets: Annotated[tuple[str, ...], BeforeValidator(split_names)] = Field(
        default=(),
        description="Targets to estimate, comma-separated or repeated: vocals,drums. "
        "All of the model's targets if not given.",
    )
    residual: bool = Field(
        default=False,
        description="Also write the mixture minus the targets: as 'accompaniment' with one "
        "target, as 'residual' with several.",
    )
    sum: str = Field(
        default="none",
        min_length=1,
        description="Make the stems add up to the mixture: exact spreads what they leave of it "
        "over all of them, by their share at each time and frequency; the name of a stem gives "
        "it to that one.",
    )
    start: Annotated[float, BeforeValidator(seconds)] = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Start at this time of the track: 90 or 1:30.",
    )
    duration: Annotated[float, BeforeValidator(seconds)] = Field(
        default=-1.0,
        allow_inf_nan=False,
        description="Separate this much: 30 or 0:30; a negative number means to the end.",
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
    device: Annotated[str, BeforeValidator(name_of_device)] = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|(cuda|xpu)(:\d+)?)$",
        description="Device to compute on: auto, cpu, cuda, cuda:N, mps (Apple) or xpu (Intel).",
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], BeforeValidator(lower)
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
    options: Annotated[dict[str, str], BeforeValidator(split_pairs)] = Field(
        default={},
        description="Set one of the model's own options, repeatable; "
        "`unmix models info NAME` lists them.",
    )
    offline: bool | None = Field(
        default=None,
        description="Never use the network; fail if weights are missing. --online tries a "
        "download even if one has just failed.",
    )
    mix: Annotated[tuple[str, ...], BeforeValidator(split_mixes), AfterValidator(check_mixes)] = (
        Field(
            default=(),
            description="Also write a sum of targets, 'mixture' and 'residual', as NAME=a+b-c or "
            "NAME=a-0.5*b; repeatable.",
        )
    )
    preset: Annotated[
        tuple[Literal["karaoke", "acapella", "drumless", "bassless"], ...],
        BeforeValidator(split_names),
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
    format: Annotated[
        Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"], BeforeValidator(lower)
    ] = Field(
        default="wav",
        description="File format of the stems: wav, flac, ogg, opus, mp3 or m4a (AAC).",
    )
    bit_depth: Annotated[Literal["16", "24", "32f"], BeforeValidator(lower)] | None = Field(
        default=None,
        description="16, 24 or 32f (floating point). wav supports all three and defaults to 32f; "
        "flac supports 16 and 24 and defaults to 24.",
    )
    quality: Annotated[float | str | None, BeforeValidator(quality_of)] = Field(
        default=None,
        description="Quality of a lossy format: 0 (smallest) to 10 (best), or a bit rate such as "
        "320k; if not given, 7 for ogg, 4 for opus, 9 for mp3 and 5 for m4a.",
    )
    clip: Literal["none", "clamp", "rescale"] | None = Field(
        default=None,
        description="What to do with samples beyond full scale: none keeps them, clamp limits each "
        "one, rescale turns all stems of a track down by the same gain. If not given, none for "
        "32f and clamp otherwise; with --loudness, rescale.",
    )
    loudness: Annotated[float | None, AfterValidator(check_loudness)] = Field(
        default=None,
        allow_inf_nan=False,
        description="Give the recording this integrated loudness in LUFS (BS.1770), such as -14: "
        "one gain for all stems, so that they still add up. If only one file is written, it gets "
        "this loudness.",
    )
    sample_rate: Annotated[int | str, BeforeValidator(check_rate)] = Field(
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
            raise ValueError("give either --model or --for, not both")
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

    def changed(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        return {
            name: value
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) != field.default
        }

    def shorthands(self) -> dict[str, Any]:
        """Return the model options that were given by their own flags."""
        values = {name: getattr(self, name) for name in SHORTHANDS}
        return {name: value for name, value in values.items() if value is not None}


def _sentence(detail: Any) -> str:
    """Turn one of pydantic's errors into words that a user can act on."""
    message = _plain(detail)
    if not detail["loc"]:
        return str(message)
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"unknown option {name!r}{nearest(name, SeparationConfig.model_fields)}"
    value = detail["input"]
    shown = f" {value!r}" if isinstance(value, (str, int, float)) else ""
    return f"{name}{shown}: {message[0].lower()}{message[1:]}"


def _plain(detail: Any) -> str:
    """Return what is wrong with a value, in our own words."""
    if detail["type"] == "literal_error":
        choices = detail["ctx"]["expected"].replace("'", "")
        known = choices.replace(" or ", ", ").split(", ")
        return f"it must be {choices}{nearest(str(detail['input']), known)}"
    if detail["type"] == "string_pattern_mismatch":  # of the device
        return "it must be auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"
    message = str(detail["msg"]).removeprefix("Value error, ").partition(", unable to parse")[0]
    return message.replace("Input should be", "it must be", 1)
