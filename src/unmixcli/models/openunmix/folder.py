"""Read a user's model folder, as written by Open-Unmix's training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...errors import ModelError
from ...files.documents import DocumentError, read_json
from ..cards import ModelCard, Weights

SUFFIXES = (".pth", ".safetensors")
JOINT_FILE = "joint.safetensors"


def card_of_folder(folder: Path) -> ModelCard | None:
    """Describe the model in a folder.

    The folder has a ``TARGET.json`` and a ``TARGET.pth`` (or ``TARGET-*.pth``,
    ``TARGET_*.pth``, or the same as safetensors) for every target, and
    sometimes a ``separator.json`` with the common settings. A joint network
    is ``joint.safetensors`` beside a ``separator.json`` that lists its ``targets``.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    ModelCard or None
        None if the folder does not look like an Open-Unmix model.

    Raises
    ------
    ModelError
        If it does, but something is missing, unreadable or inconsistent.
    """
    common = _read_json(folder / "separator.json")
    joint = folder / JOINT_FILE
    if joint.is_file():
        weights = [Weights(file=joint.name, path=joint)]
        return _card(folder, common, weights, tuple(common.get("targets", ())))
    found: dict[str, Path] = {}
    declared: dict[str, Mapping[str, Any]] = {}
    settings = dict(common)
    for path in sorted(folder.glob("*.json")):
        if path.name == "separator.json":
            continue
        target = path.stem
        arguments = _read_json(path).get("args")
        if not isinstance(arguments, Mapping):
            continue
        for key in ("nfft", "nhop", "nb_channels", "sample_rate"):
            if key in arguments and settings.setdefault(key, arguments[key]) != arguments[key]:
                raise ModelError(
                    f"{path} says that {key} is {arguments[key]}, but another file in the folder "
                    f"says {settings[key]}"
                )
        declared[target] = arguments
        found[target] = _checkpoint_of(folder, target)
    if not found:
        loose = [path.name for path in folder.iterdir() if path.suffix in SUFFIXES]
        if loose:
            raise ModelError(
                f"{folder} has {loose[0]}, but no TARGET.json that describes the network; "
                "Open-Unmix's training writes both"
            )
        return None
    weights = [
        Weights(file=path.name, targets=(target,), path=path) for target, path in found.items()
    ]
    return _card(folder, settings, weights, tuple(found), declared)


def _card(
    folder: Path,
    settings: Mapping[str, Any],
    weights: list[Weights],
    targets: tuple[str, ...],
    declared: Mapping[str, Mapping[str, Any]] | None = None,
) -> ModelCard:
    name = re.sub(r"[^A-Za-z0-9._+-]", "-", folder.resolve().name).lstrip("-._+") or "model"
    try:
        return ModelCard(
            name=name[:64],
            plugin="openunmix",
            title=f"the model in {folder}",
            targets=targets,
            # Older training files lack these values; use the defaults of the training.
            sample_rate=int(settings.get("sample_rate", 44100)),
            weights=tuple(weights),
            # The sizes come from the tensors; those in the JSON are only compared with them.
            parameters={"hop": int(settings.get("nhop", 1024)), "declared": declared or {}},
        )
    except (ValidationError, ValueError, TypeError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ModelError(f"the description of the model in {folder} is invalid: {detail}") from None


def _checkpoint_of(folder: Path, target: str) -> Path:
    """Find the file with a target's weights; ignore ``TARGET.chkpnt``."""
    for suffix in SUFFIXES:
        exact = folder / f"{target}{suffix}"
        if exact.is_file():
            return exact
    others = sorted(
        path
        for path in folder.iterdir()
        if path.suffix in SUFFIXES and re.match(rf"{re.escape(target)}[-_]", path.name)
    )
    if not others:
        raise ModelError(f"{folder} describes the target {target} but has no {target}.pth")
    if len(others) > 1:
        raise ModelError(
            f"{folder} has several files for the target {target}: "
            f"{', '.join(path.name for path in others)}; keep one"
        )
    return others[0]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, DocumentError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from None
    return content if isinstance(content, dict) else {}
