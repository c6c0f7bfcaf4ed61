"""The results of the `unmix models` commands, as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ..models.groups import yardstick
from ..models.known import KnownModel
from ..models.store import State, Store

Here = Literal["yes", "part", "no", "ships", "own", "-"]
"""Whether the weights are on this machine: fetched, partly fetched, not fetched,
part of an installed package, the user's own files, or not needed."""


class ModelSummary(BaseModel):
    """The facts about a model."""

    name: str
    plugin: str
    shipped: bool
    title: str
    targets: tuple[str, ...]
    default_targets: tuple[str, ...]
    """The targets to write if none are requested; if empty, all of them."""
    sample_rate: int
    channels: int | None
    size: int | None
    """Bytes of all files; None if unknown."""
    size_exact: bool
    licence: str
    restriction: str
    provenance: str
    quality: dict[str, float]
    quality_on: str
    yardstick: str
    """A short name of what the quality was measured on."""
    cost: float | None
    """Roughly how many seconds one processor core takes for a second of audio."""
    here: Here
    members: list[str]
    """The models that an ensemble or a chain consists of."""


class FileInfo(BaseModel):
    file: str
    targets: tuple[str, ...]
    size: int | None
    size_exact: bool
    digest: str
    """``ALGORITHM:HEX``, with a trailing ``...`` if only its beginning is known."""
    urls: tuple[str, ...]
    path: Path
    state: State


class OptionInfo(BaseModel):
    name: str
    type: str
    default: Any
    help: str


class InfoResult(ModelSummary):
    files: list[FileInfo]
    options: list[OptionInfo]
    parameters: dict[str, Any]


class FetchedFile(BaseModel):
    model: str
    file: str
    path: Path | None
    fetched: int
    """Bytes fetched by this command; 0 if the file was already here."""
    error: str


class FetchResult(BaseModel):
    files: list[FetchedFile]


class CheckedFile(BaseModel):
    model: str
    file: str
    path: Path
    status: Literal["good", "damaged", "missing", "unknown"]
    reason: str


class VerifyResult(BaseModel):
    files: list[CheckedFile]


class CheckedLink(BaseModel):
    model: str
    file: str
    url: str
    status: Literal["ok", "moved", "missing", "wrong size"]
    size: int | None
    """Bytes of the file there, if the server says so."""
    reason: str


class LinksResult(BaseModel):
    links: list[CheckedLink]


class RemovedModel(BaseModel):
    model: str
    freed: int


class RemoveResult(BaseModel):
    models: list[RemovedModel]


class PathResult(BaseModel):
    folder: Path
    files: list[Path]


class AddedFile(BaseModel):
    source: Path
    model: str
    path: Path


class AddResult(BaseModel):
    files: list[AddedFile]


def summarise(store: Store, known: KnownModel) -> ModelSummary:
    """Gather the facts about a model; does not hash any file."""
    card = known.card
    files = _files(store, known)
    sizes = [file.size for file in files]
    return ModelSummary(
        name=card.name,
        plugin=card.plugin,
        shipped=known.shipped,
        title=card.title,
        targets=card.targets,
        default_targets=card.default_targets,
        sample_rate=card.sample_rate,
        channels=card.channels,
        size=None if None in sizes else sum(size or 0 for size in sizes),
        size_exact=all(file.size_exact for file in files),
        licence=card.licence,
        restriction=card.restriction,
        provenance=card.provenance,
        quality=card.quality,
        quality_on=card.quality_on,
        yardstick=yardstick(card),
        cost=card.cost,
        here=_here(known, files),
        members=[part.card.name for part in known.parts],
    )


def describe(store: Store, known: KnownModel) -> InfoResult:
    """Gather what `unmix models info` shows of a model."""
    return InfoResult(
        **summarise(store, known).model_dump(),
        files=_files(store, known),
        options=_options(known),
        parameters=known.card.parameters,
    )


def _files(store: Store, known: KnownModel) -> list[FileInfo]:
    found = []
    for card, weights in known.card.holdings(known.card.targets):
        place = store.place(card, weights)
        state = place.state()
        size = place.final.stat().st_size if state == "here" else weights.size
        found.append(
            FileInfo(
                file=weights.file,
                targets=weights.targets or card.targets,
                size=size or weights.about_size,
                size_exact=size is not None,
                digest=_digest(weights.sha256, weights.sha512, weights.sha256_prefix),
                urls=weights.urls,
                path=place.final,
                state=state,
            )
        )
    return found


def _digest(sha256: str | None, sha512: str | None, prefix: str | None) -> str:
    if sha256:
        return f"sha256:{sha256}"
    if sha512:
        return f"sha512:{sha512}"
    return f"sha256:{prefix}..." if prefix else ""


def _here(known: KnownModel, files: list[FileInfo]) -> Here:
    if not files:
        return "-"
    if all(file.state == "missing" for file in files):
        return "no"
    if any(file.state != "here" for file in files):
        return "part"
    weights = [weights for _, weights in known.card.holdings(known.card.targets)]
    if all(file.package_file for file in weights):
        return "ships"
    return "own" if all(file.path for file in weights) else "yes"


def _options(known: KnownModel) -> list[OptionInfo]:
    """List the options of a model and of its parts, each only once."""
    own: list[OptionInfo] = []
    if known.options is not None:
        # The JSON schema names types in words that users understand.
        schema = known.options.model_json_schema()["properties"]
        own = [
            OptionInfo(
                name=name,
                type=_type_of(schema[name]),
                default=field.get_default(call_default_factory=True),
                help=field.description or "",
            )
            for name, field in known.options.model_fields.items()
        ]
    for part in known.parts:
        own += _options(part)
    return list({option.name: option for option in reversed(own)}.values())[::-1]


def _type_of(schema: Mapping[str, Any]) -> str:
    """Name the type of an option that may also be left unset."""
    kinds = [schema, *schema.get("anyOf", ())]
    return next((kind["type"] for kind in kinds if kind.get("type", "null") != "null"), "")
