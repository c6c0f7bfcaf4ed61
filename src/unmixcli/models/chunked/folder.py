"""A user's own checkpoint: a file and the YAML file that its author published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..cards import ModelCard
from ..published import PublishedConfig, find_beside, find_in_folder, make_card


def own_card(
    plugin: str, place: Path, describe: Callable[[PublishedConfig], Mapping[str, Any]]
) -> ModelCard | None:
    """Describe the model in a folder, or in a file with a description beside it.

    Parameters
    ----------
    plugin : str
        Which is also the name of its architecture.
    place : Path
    describe : callable
        Returns the card's parameters that only this family has.

    Returns
    -------
    ModelCard or None
        None if there is no model, or another family's.

    Raises
    ------
    ModelError
        If there is one that is described wrongly.
    """
    found = find_in_folder(place) if place.is_dir() else find_beside(place)
    if found is None or found[1].architecture != plugin:
        return None
    checkpoint, config = found
    parameters = {"chunk": config.chunk, "overlap": config.overlap, "hop": config.hop}
    if config.normalise:
        parameters["normalised"] = True
    card = make_card(plugin, place, checkpoint, config, {**parameters, **describe(config)})
    return card.model_copy(update={"rest": config.rest})
