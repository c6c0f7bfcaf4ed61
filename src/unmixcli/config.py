"""Every option of a separation: its default, its range and its help text, once.

The command builds its options from these fields and the library takes the same
ones as keyword arguments, so neither can drift from the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from .errors import UsageError


def _split_names(value: Any) -> Any:
    """Accept ``"vocals,drums"`` and ``["vocals,drums", "bass"]`` for a list of names."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(
            name.strip() for item in value for name in str(item).split(",") if name.strip()
        )
    return value


class SeparationConfig(BaseModel):
    """Options of a separation, as `unmix separate` and the library understand them.

    Immutable. Raises `UsageError` through `parse`, pydantic's own error otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="umxhq",
        min_length=1,
        description="Name of a model (see `unmix models list`) or a folder with one of your own.",
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
    temp_dir: Path | None = Field(
        default=None,
        description="Folder for the temporary files of long tracks, about 2 GB for an hour "
        "with four targets.",
    )
    options: dict[str, str] = Field(
        default={},
        description="KEY=VALUE for an option that only some models have, repeatable; "
        "`unmix models info NAME` lists them.",
    )
    offline: bool = Field(
        default=False, description="Never use the network: fail where weights are missing."
    )
    outdir: Path | None = Field(
        default=None,
        description="Write to OUTDIR/TRACK/TARGET.wav instead of TRACK_MODEL/TARGET.wav "
        "in the working directory.",
    )
    format: str = Field(default="wav", description="File format of the stems.")
    overwrite: bool = Field(default=False, description="Replace stems that exist.")
    page: bool = Field(
        default=False,
        description="Also write index.html beside the stems: a page to listen on, in any "
        "browser and without a network.",
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
    return f"{name} {detail['input']!r}: {message[0].lower()}{message[1:]}"
