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
from ..files import paths
from ..models.known import KnownModel
from ..models.registry import Registry
from ..models.store import Outcome
from ..separation.device import likely_device
from ..words import some
from . import completion
from .completion import choices, one_of
from .models_list import SORTS, listing
from .models_result import (
    AddedFile,
    AddResult,
    CheckedFile,
    CheckedLink,
    FetchedFile,
    FetchResult,
    LinksResult,
    PathResult,
    RemovedModel,
    RemoveResult,
    VerifyResult,
    describe,
)
from .models_view import counted, fetch_progress, show
from .ranking import ranking

app = typer.Typer(
    help="List, download and manage models and their weights.",
    no_args_is_help=True,
)


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME...", autocompletion=completion.models, show_default=False),
]


@app.command("list")
def list_(
    goal: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="GOAL",
            autocompletion=one_of(choices("goal")),
            help="Rank the models for what you want: karaoke, acapella, stems, six-stems, "
            "drum-parts, lead-vocals or cleaning.",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            "--sort",
            metavar="|".join(SORTS),
            autocompletion=one_of(SORTS),
            help="Sort each group; by default, recommended models come first.",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """List all models by what they give: built in, from plugins and your own."""
    if sort and sort not in SORTS:
        raise UsageError(f"--sort {sort}: give {', '.join(SORTS[:-1])} or {SORTS[-1]}")
    registry = Registry()
    device = likely_device()
    if goal is None:
        show(listing(registry, device, sort), as_json)
    else:
        show(ranking(registry, goal, device, sort), as_json)


@app.command()
def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=completion.models,
            help="A model, or a folder that holds one.",
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


@app.command("check-links")
def check_links(names: Names = None, as_json: Json = False) -> None:
    """Check the addresses of weights without downloading: of all models if no NAME is given.

    Asks every address for the file's length and compares it with the catalogue. Exits with
    code 3 if a file has no good address.
    """
    if paths.offline():
        raise UsageError("UNMIX_OFFLINE is set, so no address can be checked")
    from ..models.store import links as store_links  # slow to import

    registry = Registry()
    wanted = _members(_resolve(registry, names) if names else registry.models)
    files = [(known.card, weights) for known in wanted for weights in known.card.weights]
    with counted("checking addresses") as answered:
        found = store_links.check_links(files, registry.store.policy, answered)
    show(
        LinksResult(
            links=[
                CheckedLink(
                    model=link.card.name,
                    file=link.weights.file,
                    url=link.url,
                    status=link.status,
                    size=link.size,
                    reason=link.reason,
                )
                for link in found
            ]
        ),
        as_json,
    )
    good = {(link.card.name, link.weights.file) for link in found if link.good}
    checked = dict.fromkeys((link.card.name, link.weights.file) for link in found)
    bad = [f"{file} of {name}" for name, file in checked if (name, file) not in good]
    if bad:
        raise ModelError(f"{len(bad)} of {len(checked)} files have no good address: {some(bad)}")


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
        typer.Argument(metavar="[NAME]", autocompletion=completion.models, show_default=False),
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
    """Replace ensembles and chains by their members; list each model once."""
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
