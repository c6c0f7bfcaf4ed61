"""A user's own checkpoint: a file, and its author's YAML file."""

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
        The plugin's name, which is also that of its architecture.
    place : Path
    describe : callable
        Returns the card's parameters for this family.

    Returns
    -------
    ModelCard or None
        None if there is no model, or one of another family.

    Raises
    ------
    ModelError
        If its description is wrong.
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
