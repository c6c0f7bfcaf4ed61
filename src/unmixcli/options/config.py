"""Every option of a separation: its default, its range and its help text, once.

The command builds its options from these fields and the library takes the same
ones as keyword arguments, so neither can drift from the other.
"""

from __future__ import annotations

import re
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

AUTO = "auto"
"""What stands for no model in particular; see `unmixcli.models.default`."""


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
    """Write what a file has as a number or a truth as one would type it."""
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


def split_mix(text: str) -> tuple[str, str]:
    """Split ``NAME=a+b-c`` into the name and the sum.

    Raises
    ------
    ValueError
        If it is not of that form.
    """
    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (name and equals and expression):
        raise ValueError(f"{text!r} is not of the form NAME=a+b-c")
    # It becomes a file name.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,63}", name) or name[-1] in ". ":
        raise ValueError(
            f"a mix cannot be called {name!r}: use letters, digits and . _ + - in its name"
        )
    return name, expression


FIELDS = ("track", "target", "model", "ext", "artist", "title", "folder")
"""What a file name template may name."""

_FIELD = re.compile(r"\{(\w*)\}")


def _check_template(template: str) -> str:
    """Refuse a template that could name a file outside of the output folder."""
    if template.startswith("~"):
        raise ValueError("begin the name with a folder below --outdir, not with ~")
    names = _FIELD.findall(template)
    for name in names:
        if name not in FIELDS:
            raise ValueError(
                f"there is no {{{name}}}, only {' '.join(f'{{{field}}}' for field in FIELDS)}"
            )
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        raise ValueError("a brace is left over; write fields as {track}")
    if not template.isprintable():
        raise ValueError("a character in it cannot be printed")
    parts = re.split(r"[/\\]", template)
    if not parts[0] or re.match(r"[A-Za-z]:", template) or ".." in parts:
        raise ValueError("it must stay inside the output folder: no absolute path and no ..")
    if not template.endswith(".{ext}"):
        raise ValueError("it must end in .{ext}")
    if not parts[-1].removesuffix(".{ext}").strip(". "):
        raise ValueError("the file has no name before .{ext}")
    return template


_Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class SeparationConfig(BaseModel):
    """Options of a separation, as `unmix separate` and the library understand them.

    Immutable. Raises `UsageError` through `parse`, pydantic's own error otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default=AUTO,
        min_length=1,
        description="Name of a model (see `unmix models list`) or a folder with one of your own; "
        "auto is umxhq, or umx-synth, which comes with the program, where umxhq is not here and "
        "cannot be fetched.",
    )
    targets: Annotated[tuple[str, ...], BeforeValidator(_split_names)] = Field(
        default=(),
        description="Targets to estimate, repeated or separated by commas: vocals,drums. "
        "All that the model has, if not given.",
    )
    residual: bool = Field(
        default=False,
        description="Also write what remains of the mixture without the targets, as "
        "'accompaniment' next to one target and as 'residual' next to several.",
    )
    start: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Start at this second of the track."
    )
    duration: float = Field(
        default=-1.0,
        allow_inf_nan=False,
        description="Separate this many seconds; negative goes to the end.",
    )
    niter: int = Field(
        default=1,
        ge=0,
        description="EM iterations that refine the first estimates. 0 is fastest; more "
        "remove more interference and add artifacts.",
    )
    softmask: bool = Field(
        default=False,
        description="Make the first estimates with a ratio mask instead of combining the "
        "estimated magnitudes with the mixture phase.",
    )
    alpha: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="Exponent of the ratio mask of --softmask: smaller leaves more "
        "interference and sounds smoother, larger the reverse.",
    )
    wiener_win_len: int = Field(
        default=300,
        ge=0,
        description="Frames that the EM looks at together; 0 takes the whole track at once.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="Where to compute: auto, cpu, cuda, cuda:N or mps.",
    )
    temp_dir: _Folder | None = Field(
        default=None,
        description="Folder for the temporary files of long tracks, about 2 GB for an hour "
        "with four targets.",
    )
    options: Annotated[dict[str, str], BeforeValidator(_split_pairs)] = Field(
        default={},
        description="KEY=VALUE for an option that only some models have, repeatable; "
        "`unmix models info NAME` lists them.",
    )
    offline: bool = Field(
        default=False, description="Never use the network: fail where weights are missing."
    )
    mix: Annotated[tuple[str, ...], BeforeValidator(_split_mixes), AfterValidator(_check_mixes)] = (
        Field(
            default=(),
            description="NAME=a+b-c: also write this sum of targets, 'mixture' and 'residual', "
            "repeatable.",
        )
    )
    preset: Annotated[
        tuple[Literal["karaoke", "acapella", "drumless", "bassless"], ...],
        BeforeValidator(_split_names),
    ] = Field(
        default=(),
        description="Write just this mix and ask the model only for what it needs: karaoke, "
        "acapella, drumless or bassless.",
    )
    only_mixes: bool | None = Field(
        default=None,
        description="Write the mixes without the stems; a --preset does so unless told not to.",
    )
    outdir: _Folder | None = Field(
        default=None,
        description="Write to OUTDIR/TRACK/TARGET.wav instead of TRACK_MODEL/TARGET.wav "
        "in the working directory.",
    )
    filename: Annotated[str, AfterValidator(_check_template)] | None = Field(
        default=None,
        description="Names of the files below OUTDIR, such as '{artist}/{track} {target}.{ext}'; "
        "of {track} {target} {model} {ext} {artist} {title} and {folder}, the recording's.",
    )
    format: Annotated[Literal["wav", "flac", "ogg", "opus", "mp3"], BeforeValidator(_lower)] = (
        Field(default="wav", description="File format of the stems: wav, flac, ogg, opus or mp3.")
    )
    bit_depth: Annotated[Literal["16", "24", "32f"], BeforeValidator(_lower)] | None = Field(
        default=None,
        description="16, 24 or 32f (floating point): wav has all and is 32f, flac has the "
        "first two and is 24, if not given.",
    )
    quality: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="0 (small) to 10 (best) of a lossy format; ogg is 7, opus 4 and mp3 9, "
        "if not given.",
    )
    clip: Literal["none", "clamp", "rescale"] | None = Field(
        default=None,
        description="Samples beyond full scale: none keeps them, clamp limits each, rescale turns "
        "all stems of a track down alike. None for 32f, clamp otherwise, if not given.",
    )
    sample_rate: Annotated[int | str, BeforeValidator(_check_rate)] = Field(
        default="input", description="Of the stems: input, model or a number of Hz."
    )
    tags: bool = Field(
        default=True, description="Copy title, artist, album, date, cover… to the stems."
    )
    page: bool = Field(
        default=False,
        description="Also write a page to listen on beside the stems, index.html: it opens in any "
        "browser and needs no network.",
    )
    overwrite: bool = Field(default=False, description="Replace stems that exist.")
    skip_existing: bool = Field(
        default=False,
        description="Skip recordings whose stems are there, whole and made from the same input "
        "with the same model and options.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.duration == 0:
            raise ValueError("duration is 0 seconds, which leaves nothing to separate")
        if len(set(self.targets)) != len(self.targets):
            raise ValueError(f"a target is named twice: {', '.join(self.targets)}")
        return self

    @classmethod
    def parse(cls, **values: Any) -> Self:
        """Build a config, with every complaint in one sentence.

        Raises
        ------
        UsageError
            If an option is unknown or its value is out of range.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise UsageError("; ".join(_sentence(detail) for detail in error.errors())) from None

    def stem_names(self, targets: tuple[str, ...]) -> tuple[str, ...]:
        """Name the stems that a model with these targets yields, residual included."""
        if not self.residual:
            return targets
        return (*targets, "accompaniment" if len(targets) == 1 else "residual")


def _sentence(detail: Any) -> str:
    """Turn one of pydantic's complaints into words a user can act on."""
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return str(message)
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"there is no option {name!r}"
    value = detail["input"]
    shown = f" {value!r}" if isinstance(value, (str, int, float)) else ""
    return f"{name}{shown}: {message[0].lower()}{message[1:]}"
