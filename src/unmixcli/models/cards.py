"""Cards: the facts about each model, and the files that hold its weights."""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from ..words import twin

# Windows treats these names as devices in every folder, with any extension.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}


def _portable(name: str) -> str:
    if name.endswith("."):
        raise ValueError("a name cannot end in a dot")
    if name.split(".", maxsplit=1)[0].lower() in _DEVICES:
        raise ValueError("Windows reserves this name for a device")
    return name


def is_loopback(host: str) -> bool:
    """Return whether a host name or address always means this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _address(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise ValueError("an address must begin with https://")
    return url


def _package_file(value: str) -> str:
    package, _, file = value.partition(":")
    path = PurePosixPath(file)
    if not package or not file or path.is_absolute() or ".." in path.parts or "\\" in file:
        raise ValueError("write PACKAGE:PATH, the path inside the package")
    return value


Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=64),
    AfterValidator(_portable),
]
"""The name of a model, target or file; it becomes part of a path, so it must be harmless there."""


NOT_STATED = "not stated"
"""The licence of weights whose author states none."""


class Weights(BaseModel):
    """One file that a model loads: downloaded from ``urls``, or already on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Name
    targets: tuple[Name, ...] = ()
    """The targets that need this file; if empty, all of the model's targets."""
    urls: tuple[Annotated[str, AfterValidator(_address)], ...] = ()
    """Addresses to download it from, tried in order."""
    path: Path | None = None
    """A file on this machine, used in place instead of being downloaded."""
    package_file: Annotated[str, AfterValidator(_package_file)] | None = None
    """A file inside an installed package, as ``PACKAGE:PATH``."""
    size: int | None = Field(default=None, gt=0)
    about_size: int | None = Field(default=None, gt=0)
    """Approximate number of bytes, shown if the exact size is not published."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    sha512: str | None = Field(default=None, pattern="^[0-9a-f]{128}$")
    sha256_prefix: str | None = Field(default=None, pattern="^[0-9a-f]{8,63}$")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [bool(self.urls), self.path is not None, self.package_file is not None]
        if sum(sources) != 1:
            raise ValueError("a file needs exactly one of urls (or mirrors), path and package_file")
        if self.sha256 and self.sha256_prefix and not self.sha256.startswith(self.sha256_prefix):
            raise ValueError("sha256 does not begin with sha256_prefix")
        return self

    @property
    def local(self) -> Path | None:
        """The path of a file that is not downloaded into the store; None for other files."""
        if self.package_file is None:
            return self.path
        package, _, file = self.package_file.partition(":")
        # Find the package without running its code: listing models must stay fast.
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
        inside = PurePosixPath(file).parts
        folders = (spec and spec.submodule_search_locations) or [package]
        paths = [Path(folder, *inside) for folder in folders]
        # A package may consist of several folders.
        return next((path for path in paths if path.is_file()), paths[0])


class ModelCard(BaseModel):
    """A model's entry in the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    plugin: Name
    title: str = ""
    targets: tuple[Name, ...] = Field(min_length=1)
    default_targets: tuple[Name, ...] = ()
    """The targets to write if none are requested; if empty, all of them."""
    rest: Name | None = None
    """The target that no network estimates: the mixture minus the others, or minus
    the other default targets if there are any."""
    sample_rate: int = Field(gt=0, le=1_536_000)
    channels: int | None = Field(default=None, gt=0)
    """Number of channels of the model; None if it accepts any."""
    licence: str = ""
    restriction: str = ""
    """A sentence about restrictions on use, shown when the model is listed or downloaded."""
    provenance: str = ""
    """A sentence about the training data."""
    quality: dict[Name, float] = {}
    """Measured SDR in dB by target."""
    quality_on: str = ""
    """The data it was measured on, unless that is the MUSDB18 test set (median SDR)."""
    yardstick: str = Field(default="", max_length=16)
    """A short name of ``quality_on``; only figures with the same one can be compared."""
    cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Roughly how many seconds one processor core takes for a second of audio, with the
    default targets in float32; None if unknown."""
    weights: tuple[Weights, ...] = ()
    parameters: dict[str, Any] = {}
    """Values for the plugin, such as ``n_fft`` and ``hop``."""
    members: tuple[Member, ...] = ()
    """The models that an ensemble or a chain consists of."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Ignoring case, because names that differ only in case share a path on some systems.
        _refuse_twins("target", self.targets)
        _refuse_twins("default target", self.default_targets)
        _refuse_twins("file", [weights.file for weights in self.weights])
        if self.rest is not None and (self.rest not in self.targets or len(self.targets) < 2):
            raise ValueError(f"rest is {self.rest!r}, which must be one of several targets")
        for where, names in [
            ("default_targets", self.default_targets),
            ("quality", self.quality),
            *((f"weights {weights.file}", weights.targets) for weights in self.weights),
        ]:
            if unknown := [name for name in names if name not in self.targets]:
                raise ValueError(f"{where} names {unknown[0]!r}, which is not in targets")
        return self

    @property
    def licensed(self) -> bool:
        """Whether the author of the weights states a licence."""
        return bool(self.licence) and self.licence != NOT_STATED

    @property
    def estimated(self) -> tuple[str, ...]:
        """The targets that the model itself estimates: all except ``rest``."""
        return tuple(target for target in self.targets if target != self.rest)

    @property
    def usual(self) -> tuple[str, ...]:
        """The targets to write if none are requested."""
        return self.default_targets or self.targets

    @property
    def whole(self) -> tuple[str, ...]:
        """The targets to estimate for all usual ones; the rest is the mixture minus these."""
        return tuple(target for target in self.usual if target != self.rest)

    def files_for(self, targets: Sequence[str]) -> tuple[Weights, ...]:
        """Return the weights that these targets need."""
        return tuple(
            weights
            for weights in self.weights
            if not weights.targets or set(weights.targets) & set(targets)
        )

    def needed(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Return the targets to estimate for these targets; the rest needs all of `whole`."""
        if self.rest not in targets:
            return tuple(targets)
        return tuple(name for name in self.estimated if name in {*self.whole, *targets})

    def holdings(self, targets: Sequence[str]) -> Iterator[tuple[ModelCard, Weights]]:
        """Yield all files that these targets need, including those of members, each once."""
        found = [(self, weights) for weights in self.files_for(self.needed(targets))]
        for member in self.members:
            if theirs := member.targets_for(self.needed(targets)):
                found += member.card.holdings(theirs)
        yield from {(card.plugin, card.name, w.file): (card, w) for card, w in found}.values()


class Member(BaseModel):
    """A model as a part of another one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: ModelCard
    serves: dict[Name, tuple[Name, ...]]
    """For each of its used targets, the targets of the whole that need it."""
    options: dict[str, str] = {}
    """Its own options, unless a run overrides them."""

    def targets_for(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Return the targets of this model that the given targets of the whole need."""
        wanted = set(targets)
        return tuple(own for own, ours in self.serves.items() if wanted & set(ours))


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    if name := twin(names):
        raise ValueError(f"{what} {name!r} is listed twice")
