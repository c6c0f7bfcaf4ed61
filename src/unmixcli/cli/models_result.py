"""What the commands of `unmix models` find out, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ..models.known import Resolved
from ..models.store import State, Store

Here = Literal["yes", "part", "no", "ships", "own", "-"]
"""Whether the weights are on this machine: fetched, partly fetched, not, part
of an installed package, the user's own files, or none needed."""


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
    """Bytes of all files; None if not known."""
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
    """Plugins and tables that are broken, and why."""


class FileInfo(BaseModel):
    file: str
    targets: tuple[str, ...]
    size: int | None
    size_exact: bool
    digest: str
    """``ALGORITHM:HEX``, with a trailing ``...`` where only its beginning is known."""
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
    """Bytes fetched just now, 0 if the file was here."""
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


def summarise(store: Store, known: Resolved) -> ModelSummary:
    """Gather what `unmix models list` tells of a model; looks at files, hashes none."""
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


def describe(store: Store, known: Resolved) -> InfoResult:
    """Gather what `unmix models info` tells of a model."""
    return InfoResult(
        **summarise(store, known).model_dump(),
        files=_files(store, known),
        options=_options(known),
        parameters=known.card.parameters,
    )


def _files(store: Store, known: Resolved) -> list[FileInfo]:
    found = []
    for weights in known.card.weights:
        place = store.place(known.card, weights)
        state = place.state()
        size = place.final.stat().st_size if state == "here" else weights.size
        found.append(
            FileInfo(
                file=weights.file,
                targets=weights.targets or known.card.targets,
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


def _here(known: Resolved, files: list[FileInfo]) -> Here:
    if not files:
        return "-"
    if all(file.state == "missing" for file in files):
        return "no"
    if any(file.state != "here" for file in files):
        return "part"
    if all(weights.package_file for weights in known.card.weights):
        return "ships"
    return "own" if all(weights.path for weights in known.card.weights) else "yes"


def _options(known: Resolved) -> list[OptionInfo]:
    if known.options is None:
        return []
    # The JSON schema has the words for types that a user can read.
    schema = known.options.model_json_schema()["properties"]
    return [
        OptionInfo(
            name=name,
            type=schema[name].get("type", ""),
            default=field.get_default(call_default_factory=True),
            help=field.description or "",
        )
        for name, field in known.options.model_fields.items()
    ]
