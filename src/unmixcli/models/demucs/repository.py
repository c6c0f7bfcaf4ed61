"""A user's own networks: files of the package demucs, and the folders that it calls repositories.

A repository has networks, ``SIG-CHECKSUM.th`` or ``SIG.safetensors``, and bags,
each a YAML file with the ``models`` that it is made of, by their SIG, and
sometimes ``weights`` and ``segment``. CHECKSUM is the beginning of the file's
SHA-256.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from ...errors import ModelError
from ...words import some
from ..cards import ModelCard, Weights
from ..published.plain_yaml import read_yaml
from .arguments import Arguments
from .checkpoint import open_checkpoint

PACKAGE = ".th"
SAFETENSORS = ".safetensors"
BAGS = (".yaml", ".yml")
MOST_NETWORKS = 32
"""Networks of a bag; published ones have 1 to 4."""


def folder_card(folder: Path) -> ModelCard | None:
    """Describe the model in a folder: its only bag or, without one, its only network.

    Returns
    -------
    ModelCard or None
        None if the folder has neither.

    Raises
    ------
    ModelError
        If it has several, or the one that it has is not in order.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    networks = [path for path in files if _is_network(path)]
    if not networks:
        return None
    bags = [path for path in files if path.suffix in BAGS and "models" in read_yaml(path)]
    candidates = bags or networks
    if len(candidates) > 1:
        names = some([path.name for path in candidates])
        raise ModelError(
            f"{folder} has several models: {names}; name one of them, such as "
            f"{folder / candidates[0].name}"
        )
    return file_card(candidates[0], named=folder)


def file_card(path: Path, named: Path | None = None) -> ModelCard | None:
    """Describe the model in a file: a network, or a bag beside its networks.

    Parameters
    ----------
    path : Path
    named : Path, optional
        What the user named, where that is not the file.

    Returns
    -------
    ModelCard or None
        None if it is neither.

    Raises
    ------
    ModelError
        If it is one, but not in order.
    """
    named = named or path
    if path.suffix in BAGS:
        content = read_yaml(path)
        return _bag(path, content, named) if "models" in content else None
    if not _is_network(path):
        return None
    arguments = open_checkpoint(path).arguments
    return _card(named, arguments, [_weights(path)], {})


def _is_network(path: Path) -> bool:
    if path.suffix != SAFETENSORS:
        return path.suffix == PACKAGE
    try:
        with safe_open(path, framework="numpy") as file:
            return str((file.metadata() or {}).get("klass")).startswith("demucs.")
    except (SafetensorError, OSError):
        return False


def _bag(path: Path, content: Mapping[str, Any], named: Path) -> ModelCard:
    """Describe a bag. A network that it names twice counts twice, and is run once."""
    signatures = content["models"]
    if not _is_list(signatures, str) or len(signatures) > MOST_NETWORKS:
        raise ModelError(
            f"{path}: models is no list of at most {MOST_NETWORKS} signatures of networks"
        )
    files = [_find(path, signature) for signature in dict.fromkeys(signatures)]
    arguments = open_checkpoint(files[0]).arguments
    sources = arguments.sources
    lists = content.get("weights")
    if lists is None:
        lists = [[1.0] * len(sources)] * len(signatures)
    if not _is_list(lists, list) or [len(each) for each in lists] != [len(sources)] * len(
        signatures
    ):
        raise ModelError(
            f"{path}: weights must have a list for each of the {len(signatures)} models, with a "
            f"number for each of their {len(sources)} sources"
        )
    if not all(_is_number(number) for each in lists for number in each):
        raise ModelError(f"{path}: weights has something that is no number")
    for source, column in zip(sources, zip(*lists, strict=True), strict=True):
        if sum(column) <= 0:
            raise ModelError(f"{path}: the weights for {source} add up to nothing")
    totals = {signature: [0.0] * len(sources) for signature in signatures}
    for signature, own in zip(signatures, lists, strict=True):
        totals[signature] = [a + b for a, b in zip(totals[signature], own, strict=True)]
    parameters: dict[str, Any] = {}
    segment = content.get("segment")
    if segment is not None:
        if not _is_number(segment) or segment <= 0:
            raise ModelError(f"{path}: segment is {segment!r}, not a number of seconds")
        parameters["segment"] = segment
    used = [
        (_weights(file, _counting(sources, own)), own)
        for file, own in zip(files, totals.values(), strict=True)
        if any(own)
    ]
    if len(used) > 1:
        parameters["weights"] = [own for _, own in used]
    return _card(named, arguments, [weights for weights, _ in used], parameters)


def _counting(sources: Sequence[str], own: Sequence[float]) -> tuple[str, ...]:
    return tuple(source for source, weight in zip(sources, own, strict=True) if weight)


def _find(bag: Path, signature: str) -> Path:
    """Find the file of a network beside the bag that names it."""
    found = [
        path
        for path in sorted(bag.parent.iterdir())
        if path.is_file()
        and path.suffix in (PACKAGE, SAFETENSORS)
        and signature in (path.stem, path.stem.rpartition("-")[0])
    ]
    if len(found) == 1:
        return found[0]
    shown = signature if signature.isprintable() else ascii(signature)
    if not found:
        raise ModelError(
            f"{bag} names the network {shown[:64]!r}, and there is no {shown[:64]}.th beside it"
        )
    raise ModelError(
        f"{bag.parent} has several files of the network {shown[:64]!r}: "
        f"{some([path.name for path in found])}; keep one"
    )


def _weights(path: Path, targets: Sequence[str] = ()) -> Weights:
    checksum = re.fullmatch(r".*-([0-9a-f]{8,63})", path.stem)
    try:
        return Weights(
            file=_plain(path.name),
            path=path,
            targets=tuple(targets),
            sha256_prefix=checksum and checksum[1],
        )
    except ValidationError as error:
        raise _badly_described(path, error) from None


def _card(
    named: Path, arguments: Arguments, weights: Sequence[Weights], parameters: Mapping[str, Any]
) -> ModelCard:
    absolute = named.absolute()
    try:
        return ModelCard(
            name=_plain(absolute.name if named.is_dir() else absolute.stem),
            plugin="demucs",
            title=f"the model in {named}",
            targets=arguments.sources,
            sample_rate=arguments.samplerate,
            channels=arguments.audio_channels,
            weights=tuple(weights),
            parameters=dict(parameters),
        )
    except ValidationError as error:
        raise _badly_described(named, error) from None


def _badly_described(path: Path, error: ValidationError) -> ModelError:
    detail = error.errors()[0]
    place = ".".join(str(part) for part in detail["loc"])
    reason = detail["msg"].removeprefix("Value error, ")
    return ModelError(f"the model in {path} is badly described: {place}: {reason}")


def _plain(name: str) -> str:
    """Turn a file's name into one that a card can have."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip("-._+").rstrip(".")[:64] or "model"


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, kind) for x in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
