"""Cards: what is known about each model, and the files that hold its weights."""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Sequence
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

# What Windows takes for a device in every folder, whatever the extension.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}


def _portable(name: str) -> str:
    if name.endswith("."):
        raise ValueError("a name cannot end in a dot")
    if name.split(".", maxsplit=1)[0].lower() in _DEVICES:
        raise ValueError("Windows keeps this name for a device")
    return name


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine by definition."""
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
"""A model, target or file name: it becomes a path, so nothing in it may climb out of a folder."""


class Weights(BaseModel):
    """One file that a model loads: fetched from ``urls``, or already on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Name
    targets: tuple[Name, ...] = ()
    """The targets that need this file; none means all of the model's."""
    urls: tuple[Annotated[str, AfterValidator(_address)], ...] = ()
    """Where to fetch it, tried in order."""
    path: Path | None = None
    """A file on this machine, used where it lies instead of being fetched."""
    package_file: Annotated[str, AfterValidator(_package_file)] | None = None
    """A file that an installed package brings, as ``PACKAGE:PATH``."""
    size: int | None = Field(default=None, gt=0)
    about_size: int | None = Field(default=None, gt=0)
    """Roughly how many bytes, to show where the exact size is not published."""
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
        """Where the file lies if it is not one to fetch into the store."""
        if self.package_file is None:
            return self.path
        package, _, file = self.package_file.partition(":")
        # The package's place is looked up, not its code run: listing must stay light.
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
        inside = PurePosixPath(file).parts
        folders = (spec and spec.submodule_search_locations) or [package]
        paths = [Path(folder, *inside) for folder in folders]
        # A package may be spread over several folders.
        return next((path for path in paths if path.is_file()), paths[0])


class ModelCard(BaseModel):
    """One model as the catalogue describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    plugin: Name
    title: str = ""
    targets: tuple[Name, ...] = Field(min_length=1)
    rest: Name | None = None
    """The target that no network estimates: the mixture minus all the others."""
    sample_rate: int = Field(gt=0)
    channels: int | None = Field(default=None, gt=0)
    """Channels that the model takes; None where it takes any."""
    licence: str = ""
    restriction: str = ""
    """A sentence for models whose use is restricted, shown when listed and fetched."""
    provenance: str = ""
    """A sentence on what the weights were trained on."""
    quality: dict[Name, float] = {}
    """Measured SDR in dB by target."""
    quality_on: str = ""
    """What it was measured on, where that is not the MUSDB18 test set (median SDR)."""
    weights: tuple[Weights, ...] = ()
    parameters: dict[str, Any] = {}
    """What only the plugin understands, such as ``n_fft`` and ``hop``."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Compared as a file system that ignores case would: two of them share a path there.
        _refuse_twins("target", self.targets)
        _refuse_twins("file", [weights.file for weights in self.weights])
        if self.rest is not None and (self.rest not in self.targets or len(self.targets) < 2):
            raise ValueError(f"rest is {self.rest!r}, which must be one of several targets")
        for where, names in [
            ("quality", self.quality),
            *((f"weights {weights.file}", weights.targets) for weights in self.weights),
        ]:
            if unknown := [name for name in names if name not in self.targets]:
                raise ValueError(f"{where} speaks of {unknown[0]!r}, which is not in targets")
        return self

    @property
    def estimated(self) -> tuple[str, ...]:
        """The targets that the model itself estimates: all but the rest."""
        return tuple(target for target in self.targets if target != self.rest)

    def files_for(self, targets: Sequence[str]) -> tuple[Weights, ...]:
        """Return the weights that these targets need."""
        return tuple(
            weights
            for weights in self.weights
            if not weights.targets or set(weights.targets) & set(targets)
        )


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    if name := twin(names):
        raise ValueError(f"{what} {name!r} is there twice")
