"""A user's own checkpoint: a file, and its author's description beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...errors import ModelError
from ..cards import ModelCard, Weights
from .config import PublishedConfig, read_published

CHECKPOINTS = (".ckpt", ".pth", ".pt", ".th", ".safetensors", ".bin")
DESCRIPTIONS = (".yaml", ".yml")


def find_in_folder(folder: Path) -> tuple[Path, PublishedConfig] | None:
    """Find the one checkpoint in a folder, and the one description of it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    tuple of Path and PublishedConfig, or None
        None if the folder has no description in this layout.

    Raises
    ------
    ModelError
        If there are several checkpoints or descriptions, or the description is wrong.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    checkpoints = [path for path in files if path.suffix.lower() in CHECKPOINTS]
    described = [path for path in files if path.suffix.lower() in DESCRIPTIONS]
    if not checkpoints or not described:
        return None
    if len(checkpoints) > 1:
        if all(read_published(path) is None for path in described):
            return None  # for example a bag of Demucs networks
        names = ", ".join(path.name for path in checkpoints[:4])
        raise ModelError(f"{folder} has several checkpoints: {names}; name one with its path")
    return _pair(checkpoints[0], described)


def find_beside(file: Path) -> tuple[Path, PublishedConfig] | None:
    """Find a checkpoint's description beside it: the one with its name, or the only one.

    Returns and raises the same as `find_in_folder`.
    """
    if file.suffix.lower() not in CHECKPOINTS:
        return None
    files = sorted(path for path in file.parent.iterdir() if path.is_file())
    return _pair(file, [path for path in files if path.suffix.lower() in DESCRIPTIONS])


def _pair(checkpoint: Path, described: list[Path]) -> tuple[Path, PublishedConfig] | None:
    candidates = _beside(checkpoint, described) or described
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates[:4])
        raise ModelError(
            f"{checkpoint.parent} has several descriptions: {names}; give one the name of the "
            f"checkpoint, {checkpoint.stem}.yaml"
        )
    config = read_published(candidates[0]) if candidates else None
    return None if config is None else (checkpoint, config)


def _beside(checkpoint: Path, described: list[Path]) -> list[Path]:
    return [path for path in described if path.stem == checkpoint.stem]


def make_card(
    plugin: str,
    name: Path,
    checkpoint: Path,
    config: PublishedConfig,
    parameters: Mapping[str, Any],
) -> ModelCard:
    """Describe a user's own checkpoint.

    Parameters
    ----------
    plugin : str
    name : Path
        The folder or file that the user named.
    checkpoint : Path
    config : PublishedConfig
    parameters : mapping
        The card's parameters for the plugin.

    Raises
    ------
    ModelError
        If the description is not valid, for example if targets differ only in case.
    """
    try:
        return ModelCard(
            name=_plain(name.absolute().stem if name.is_file() else name.absolute().name),
            plugin=plugin,
            title=f"the model in {name}",
            targets=config.targets + ((config.rest,) if config.rest else ()),
            rest=config.rest,
            sample_rate=config.sample_rate,
            channels=config.channels,
            weights=(Weights(file=_plain(checkpoint.name), path=checkpoint),),
            parameters=dict(parameters),
        )
    except ValidationError as error:
        detail = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ModelError(f"{config.path} is not valid: {detail}") from None


def _plain(name: str) -> str:
    """Turn a file name into a model name."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip("-._+").rstrip(".")[:64] or "model"
