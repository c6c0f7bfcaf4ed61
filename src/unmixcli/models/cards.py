"""What is known of each model: cards, the weights that they name, and the files that hold them.

A catalogue is a TOML file with one table a model; the keys are the fields of
`ModelCard` and `Weights` and two short cuts, ``mirrors`` and ``like``, which
docs/models.md describes. Reading one imports nothing and fetches nothing.
"""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
import ipaddress
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self, TypeGuard
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ..errors import ModelError
from ..files.paths import expand

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
        for where, names in [
            ("quality", self.quality),
            *((f"weights {weights.file}", weights.targets) for weights in self.weights),
        ]:
            if unknown := [name for name in names if name not in self.targets]:
                raise ValueError(f"{where} speaks of {unknown[0]!r}, which is not in targets")
        return self

    def files_for(self, targets: Sequence[str]) -> tuple[Weights, ...]:
        """Return the weights that these targets need."""
        return tuple(
            weights
            for weights in self.weights
            if not weights.targets or set(weights.targets) & set(targets)
        )


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise ValueError(f"{what} {name!r} is there twice")
        seen.add(name.casefold())


def read_catalogue(path: Path) -> tuple[ModelCard, ...]:
    """Read a catalogue file, such as a plugin's own ``models.toml``.

    Parameters
    ----------
    path : Path
        The file. What its tables give as a relative ``path`` is relative to its folder.

    Returns
    -------
    tuple of ModelCard
        In the order of the file.

    Raises
    ------
    ModelError
        At the first mistake, naming the file, the table and the key.
    """
    cards: dict[str, ModelCard] = {}
    for name, table in read_tables(path):
        cards[name] = make_card(path, name, table, cards)
    return tuple(cards.values())


def read_tables(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Read a catalogue file into its tables, unchecked: (model name, table)."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # tomllib's own error, and bytes that are not UTF-8
        raise ModelError(f"{path}: {error}") from None
    yield from data.items()


def make_card(
    path: Path, name: str, table: Mapping[str, Any], known: Mapping[str, ModelCard]
) -> ModelCard:
    """Turn one table into a card.

    Parameters
    ----------
    path : Path
        The file the table is from, for messages and relative paths.
    name : str
        The table's name, which is the model's.
    table : mapping
        Its keys and values.
    known : mapping of str to ModelCard
        The models that ``like`` may name.

    Raises
    ------
    ModelError
        If the table is not a model, naming the file, the table and the key.
    """
    where = f"{path}, table [{name}]"
    if not isinstance(table, Mapping):
        raise ModelError(f"{where}: a model is a table, not a value")
    try:
        return ModelCard.model_validate({"name": name} | _expand(path, table, known))
    except ValidationError as error:
        detail, *more = error.errors()
        key = ".".join(str(part) for part in detail["loc"] if part != "name") or "as a whole"
        message = detail["msg"].removeprefix("Value error, ")
        others = f" (and {len(more)} more)" if more else ""
        if detail["loc"] == ("name",):
            message, key = f"{name!r} is no name for a model: {message}", "name"
        raise ModelError(f"{where}, key {key}: {message}{others}") from None
    except ValueError as error:
        raise ModelError(f"{where}, {error}") from None


def _expand(path: Path, table: Mapping[str, Any], known: Mapping[str, ModelCard]) -> dict[str, Any]:
    """Replace the short cuts of a table by what they stand for."""
    card = dict(table)
    if "name" in card:
        raise ValueError("key name: the table's name is the model's name")
    tables = card.get("weights")
    files = [dict(table) for table in tables] if _all_tables(tables) else []
    for file in files:
        if isinstance(file.get("path"), str):
            file["path"] = path.parent.absolute() / expand(file["path"])
    for pattern in reversed(_mirrors(card.pop("mirrors", []))):
        for file in files:
            if "path" not in file and "package_file" not in file:
                name = quote(str(file.get("file", "")))
                file["urls"] = [pattern.replace("{file}", name), *file.get("urls", [])]
    if files:
        card["weights"] = files
    like = card.pop("like", None)
    if like is None:
        return card
    if not isinstance(like, str) or like not in known:
        raise ValueError(f"key like: there is no model {like!r} to be like")
    # Not what belongs to those very weights: their title, licence, quality and files.
    fields = {"plugin", "targets", "sample_rate", "channels", "parameters"}
    inherited = known[like].model_dump(include=fields)
    wanted: list[Any] = []
    for file in files:
        names = file.get("targets")
        wanted += names if isinstance(names, list) and names else inherited["targets"]
    if files:
        inherited["targets"] = [name for name in inherited["targets"] if name in wanted]
    return inherited | card


def _all_tables(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _mirrors(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) and "{file}" in v for v in value):
        raise ValueError("key mirrors: write a list of addresses with {file} for the file's name")
    return value


def shipped_cards(plugin: str) -> tuple[ModelCard, ...]:
    """Return the cards of one of this package's plugins, from the catalogue that it ships."""
    return tuple(card for card in _shipped() if card.plugin == plugin)


def shipped_names() -> tuple[str, ...]:
    """Return the names in the catalogue that this package ships, in its order."""
    return tuple(card.name for card in _shipped())


@functools.cache
def _shipped() -> tuple[ModelCard, ...]:
    # Every shipped plugin asks for it, and so does the registry: it is read once.
    return read_catalogue(_shipped_file())


def _shipped_file() -> Path:
    inside = Path(str(importlib.resources.files("unmixcli"))) / "models.toml"
    # A source checkout keeps the file in its root; the wheel takes it into the package.
    return inside if inside.is_file() else Path(__file__).parents[3] / "models.toml"
