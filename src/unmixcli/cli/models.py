"""`unmix models`: list, describe, fetch, verify, remove, locate and add models.

Each command computes a result, a pydantic model; `models_view` prints it, or
``--json`` prints it as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ModelError, UsageError
from ..models.known import KnownModel
from ..models.registry import Registry
from ..models.store import Outcome
from .models_result import (
    AddedFile,
    AddResult,
    CheckedFile,
    FetchedFile,
    FetchResult,
    ListResult,
    PathResult,
    RemovedModel,
    RemoveResult,
    VerifyResult,
    describe,
    summarise,
)
from .models_view import fetch_progress, show

app = typer.Typer(
    help="List, download and manage models and their weights.",
    no_args_is_help=True,
)


def _complete(incomplete: str) -> list[str]:
    names = (known.card.name for known in Registry().models)
    return [name for name in names if name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME...", autocompletion=_complete, show_default=False),
]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all models: built in, from plugins and your own."""
    registry = Registry()
    show(
        ListResult(
            models=[summarise(registry.store, known) for known in registry.models],
            left_out=[str(problem) for problem in registry.problems],
        ),
        as_json,
    )


@app.command()
def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=_complete, help="A model, or a folder that holds one."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Describe one model: its files, its licence and its own options."""
    registry = Registry()
    show(describe(registry.store, registry.resolve(model)), as_json)


@app.command()
def fetch(
    names: Names = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Fetch all models that can be downloaded.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch even if the files are here and intact.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download the weights of models, so that they work without a network."""
    if everything == bool(names):
        raise UsageError("name the models to fetch, or use --all")
    registry = Registry()
    wanted = _members(registry.models if everything else _resolve(registry, names or ()))
    jobs = [(known.card, weights) for known in wanted for weights in known.card.weights]
    with fetch_progress() as report:
        outcomes = registry.store.fetch(jobs, force=force, report=report)
    show(FetchResult(files=[_fetched(outcome) for outcome in outcomes]), as_json)
    _raise_first([outcome.error for outcome in outcomes if outcome.error is not None])


@app.command()
def verify(names: Names = None, as_json: Json = False) -> None:
    """Check downloaded weights against their digests: of all models if no NAME is given."""
    registry = Registry()
    found = [
        CheckedFile(
            model=known.card.name,
            file=check.file,
            path=check.path,
            status=check.status,
            reason=check.reason,
        )
        for known in _members(_resolve(registry, names) if names else registry.models)
        for check in registry.store.verify(known.card)
        # Without names, weights that were never fetched are not a fault.
        if names or check.status != "missing"
    ]
    show(VerifyResult(files=found), as_json)
    bad = [file for file in found if file.status in ("damaged", "missing")]
    if bad:
        models = " ".join(dict.fromkeys(file.model for file in bad))
        raise ModelError(
            f"{len(bad)} of {len(found)} files are damaged or missing: "
            f"run `unmix models fetch {models}`"
        )


@app.command()
def remove(names: Names = None, as_json: Json = False) -> None:
    """Delete downloaded weights from this machine."""
    if not names:
        raise UsageError("name the models to remove")
    registry = Registry()
    for known in _resolve(registry, names):
        if known.parts:
            raise ModelError(
                f"{known.card.name} has no weights of its own; those of its members are removed "
                f"by `unmix models remove {' '.join(part.card.name for part in known.parts)}`"
            )
    removed = [
        RemovedModel(model=known.card.name, freed=registry.store.remove(known.card))
        for known in _resolve(registry, names)
    ]
    show(RemoveResult(models=removed), as_json)


@app.command()
def path(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", autocompletion=_complete, show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the folder of all weights, or of one model's weights."""
    registry = Registry()
    if model is None:
        show(PathResult(folder=registry.store.root, files=[]), as_json)
        return
    card = registry.resolve(model).card
    if not card.weights:
        raise ModelError(f"{card.name} has no weights")
    places = [registry.store.place(card, weights) for weights in card.weights]
    folders = {place.final.parent for place in places}
    # A catalogue can give each file its own path, so the files may be in several folders.
    folder = folders.pop() if len(folders) == 1 else registry.store.folder(card)
    show(PathResult(folder=folder, files=[place.final for place in places]), as_json)


@app.command()
def add(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...", help="Downloaded files, of any name.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add weights that you downloaded some other way; they are recognised by their digest."""
    if not files:
        raise UsageError("name the files to add")
    registry = Registry()
    cards = [known.card for known in registry.models]
    added: list[AddedFile] = []
    errors: list[Exception] = []
    for file in files:
        try:
            found = registry.store.add(file, cards)
        except ModelError as error:
            errors.append(error)
            continue
        added += [AddedFile(source=a.source, model=a.model, path=a.path) for a in found]
    show(AddResult(files=added), as_json)
    _raise_first(errors)


def _resolve(registry: Registry, names: Iterable[str]) -> list[KnownModel]:
    found = [registry.resolve(name) for name in names]
    return list({(known.card.plugin, known.card.name): known for known in found}.values())


def _members(models: Iterable[KnownModel]) -> list[KnownModel]:
    """Put the members of ensembles and chains in their place, each model once."""
    found: dict[tuple[str, str], KnownModel] = {}
    for known in models:
        for part in _members(known.parts) or [known]:
            found[part.card.plugin, part.card.name] = part
    return list(found.values())


def _fetched(outcome: Outcome) -> FetchedFile:
    return FetchedFile(
        model=outcome.card.name,
        file=outcome.weights.file,
        path=outcome.path,
        fetched=outcome.fetched,
        error=str(outcome.error) if outcome.error is not None else "",
    )


def _raise_first(errors: list[Exception]) -> None:
    """Raise the first error; several usually have the same cause."""
    if not errors:
        return
    if len(errors) > 1 and isinstance(errors[0], ModelError):
        raise ModelError(f"{errors[0]} ({len(errors)} files failed)")
    raise errors[0]
