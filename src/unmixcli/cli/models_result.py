"""The results of the `unmix models` commands, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ..models.known import KnownModel
from ..models.store import State, Store

Here = Literal["yes", "part", "no", "ships", "own", "-"]
"""Whether the weights are on this machine: fetched, partly fetched, not fetched,
part of an installed package, the user's own files, or not needed."""


class ModelSummary(BaseModel):
    """One line of `unmix models list`."""

    name: str
    plugin: str
    shipped: bool
    title: str
    targets: tuple[str, ...]
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
    here: Here


class ListResult(BaseModel):
    models: list[ModelSummary]
    left_out: list[str]
    """Broken plugins and catalogues, each with the reason."""


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
    members: list[str]
    """The models that it is made of."""
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
    """Gather what `unmix models list` shows of a model; does not hash any file."""
    card = known.card
    files = _files(store, known)
    sizes = [file.size for file in files]
    return ModelSummary(
        name=card.name,
        plugin=card.plugin,
        shipped=known.shipped,
        title=card.title,
        targets=card.targets,
        sample_rate=card.sample_rate,
        channels=card.channels,
        size=None if None in sizes else sum(size or 0 for size in sizes),
        size_exact=all(file.size_exact for file in files),
        licence=card.licence,
        restriction=card.restriction,
        provenance=card.provenance,
        quality=card.quality,
        quality_on=card.quality_on,
        here=_here(known, files),
    )


def describe(store: Store, known: KnownModel) -> InfoResult:
    """Gather what `unmix models info` shows of a model."""
    return InfoResult(
        **summarise(store, known).model_dump(),
        files=_files(store, known),
        options=_options(known),
        members=[part.card.name for part in known.parts],
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
    """List the options of a model and of its parts, each once."""
    own: list[OptionInfo] = []
    if known.options is not None:
        # The JSON schema names types in words that users understand.
        schema = known.options.model_json_schema()["properties"]
        own = [
            OptionInfo(
                name=name,
                type=schema[name].get("type", ""),
                default=field.get_default(call_default_factory=True),
                help=field.description or "",
            )
            for name, field in known.options.model_fields.items()
        ]
    for part in known.parts:
        own += _options(part)
    return list({option.name: option for option in reversed(own)}.values())[::-1]
