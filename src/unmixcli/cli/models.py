"""`unmix models`: list, describe, fetch, verify, remove, locate and add models.

Each command computes a result, a pydantic model; `models_view` prints it, and
``--json`` prints the same one as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ModelError, UsageError
from ..models.known import Resolved
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
    help="List, fetch and look after the models and their weights.",
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
    """List the models: those that ship, those of plugins and your own."""
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
            metavar="NAME", autocompletion=_complete, help="A model, or a folder with one."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Describe one model: its files, its licence and the options that only it has."""
    registry = Registry()
    show(describe(registry.store, registry.resolve(model)), as_json)


@app.command()
def fetch(
    names: Names = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Fetch every model that can be fetched.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch also what is here and right.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch the weights of models, so that they work without a network."""
    if everything == bool(names):
        raise UsageError("say which models to fetch, or --all")
    registry = Registry()
    wanted = registry.models if everything else _resolve(registry, names or ())
    jobs = [(known.card, weights) for known in wanted for weights in known.card.weights]
    with fetch_progress() as report:
        outcomes = registry.store.fetch(jobs, force=force, report=report)
    show(FetchResult(files=[_fetched(outcome) for outcome in outcomes]), as_json)
    _raise_first([outcome.error for outcome in outcomes if outcome.error is not None])


@app.command()
def verify(names: Names = None, as_json: Json = False) -> None:
    """Compare the weights that are here with their digests; all, if no NAME is given."""
    registry = Registry()
    found = [
        CheckedFile(
            model=known.card.name,
            file=check.file,
            path=check.path,
            status=check.status,
            reason=check.reason,
        )
        for known in (_resolve(registry, names) if names else registry.models)
        for check in registry.store.verify(known.card)
        # Without names, what was never fetched is nothing to complain of.
        if names or check.status != "missing"
    ]
    show(VerifyResult(files=found), as_json)
    bad = [file for file in found if file.status in ("damaged", "missing")]
    if bad:
        models = " ".join(dict.fromkeys(file.model for file in bad))
        raise ModelError(
            f"{len(bad)} of {len(found)} files not in order: run `unmix models fetch {models}`"
        )


@app.command()
def remove(names: Names = None, as_json: Json = False) -> None:
    """Delete the weights of models from this machine."""
    if not names:
        raise UsageError("say which models to remove")
    registry = Registry()
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
    """Print the folder of the weights, or of one model's weights."""
    registry = Registry()
    if model is None:
        show(PathResult(folder=registry.store.root, files=[]), as_json)
        return
    card = registry.resolve(model).card
    if not card.weights:
        raise ModelError(f"{card.name} has no weights")
    places = [registry.store.place(card, weights) for weights in card.weights]
    folders = {place.final.parent for place in places}
    # Files that a catalogue gives paths of their own may lie in several folders.
    folder = folders.pop() if len(folders) == 1 else registry.store.folder(card)
    show(PathResult(folder=folder, files=[place.final for place in places]), as_json)


@app.command()
def add(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Files of any name.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in weights that you downloaded by other means, recognised by their digest."""
    if not files:
        raise UsageError("say which files to add")
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


def _resolve(registry: Registry, names: Iterable[str]) -> list[Resolved]:
    found = [registry.resolve(name) for name in names]
    return list({(known.card.plugin, known.card.name): known for known in found}.values())


def _fetched(outcome: Outcome) -> FetchedFile:
    return FetchedFile(
        model=outcome.card.name,
        file=outcome.weights.file,
        path=outcome.path,
        fetched=outcome.fetched,
        error=str(outcome.error) if outcome.error is not None else "",
    )


def _raise_first(errors: list[Exception]) -> None:
    """Raise the first of several failures, which are mostly the same one."""
    if not errors:
        return
    if len(errors) > 1 and isinstance(errors[0], ModelError):
        raise ModelError(f"{errors[0]} ({len(errors)} files failed)")
    raise errors[0]
