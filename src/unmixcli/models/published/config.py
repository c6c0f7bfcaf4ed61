"""Read the description that an author publishes beside a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...errors import ModelError
from .plain_yaml import read_yaml

Architecture = Literal["bs_roformer", "mel_band_roformer", "scnet", "mdx23c"]

_SECTIONS = ("audio", "model", "training", "inference")
_TARGET = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}")
_HOPS = {  # the place and the default in each architecture's own code
    "bs_roformer": ("model", "stft_hop_length", 512),
    "mel_band_roformer": ("model", "stft_hop_length", 512),
    "scnet": ("model", "hop_size", 1024),
    "mdx23c": ("audio", "hop_length", None),
}
_LARGEST = 1 << 28
"""Largest number of samples in a chunk, and larger than any other number here."""


@dataclass(frozen=True)
class PublishedConfig:
    """A YAML file in the layout of Music-Source-Separation-Training and UVR.

    Attributes
    ----------
    path : Path
    architecture : str
        The architecture in its ``model`` section.
    targets : tuple of str
        The network's targets, in its order, in lower case.
    rest : str or None
        If the network has one target: the name of the mixture minus that target.
    sample_rate : int
        In Hz.
    channels : int
    chunk : int
        Samples that the network reads at a time.
    overlap : int
        Chunks that estimate each sample.
    hop : int
        Samples from one frame of the spectrum to the next.
    zero_dc : bool
        Whether the bin at 0 Hz is set to zero.
    normalise : bool
        Whether the network reads a normalised track.
    model, audio : mapping
        These sections, unchanged.
    """

    path: Path
    architecture: Architecture
    targets: tuple[str, ...]
    rest: str | None
    sample_rate: int
    channels: int
    chunk: int
    overlap: int
    hop: int
    zero_dc: bool
    normalise: bool
    model: Mapping[str, Any]
    audio: Mapping[str, Any]

    def number(self, key: str, default: int | None = None) -> int:
        """Return a positive integer from the ``model`` section.

        Raises
        ------
        ModelError
            If it is missing and has no default, or is anything else.
        """
        return _Section(self.path, "model", self.model).number(key, default)


def read_published(path: Path) -> PublishedConfig | None:
    """Read a YAML file that describes a checkpoint.

    Parameters
    ----------
    path : Path

    Returns
    -------
    PublishedConfig or None
        None if it is YAML, but not in this layout.

    Raises
    ------
    ModelError
        If it cannot be read safely, describes an unsupported network, or has an
        invalid value; the message names the key.
    """
    content = read_yaml(path)
    if "model" not in content or not set(_SECTIONS[2:]) & content.keys():
        return None
    if not isinstance(content["model"], dict):  # such as `model: htdemucs`
        raise _not_run(path, str(content["model"]))
    sections = {name: _Section.of(path, name, content) for name in _SECTIONS}
    audio, model, training, inference = sections.values()
    architecture = _architecture(path, model, training)
    place, key, default = _HOPS[architecture]
    hop = sections[place].number(key, default)
    if "chunk_size" in inference.values:
        chunk = inference.number("chunk_size")
    elif "chunk_size" in audio.values:
        chunk = audio.number("chunk_size")
    else:  # UVR gives it in frames
        frames = inference if "dim_t" in inference.values else audio
        chunk = max(1, hop * (frames.number("dim_t") - 1))
    targets, rest = _targets(training, model, architecture)
    stereo = model.values.get("stereo", audio.number("num_channels", 2) == 2)
    return PublishedConfig(
        path=path,
        architecture=architecture,
        targets=targets,
        rest=rest,
        sample_rate=audio.number("sample_rate", model.number("sample_rate", 44100)),
        channels=2 if stereo else 1,
        chunk=chunk,
        overlap=inference.number("num_overlap", 2),
        hop=hop,
        zero_dc=model.flag("zero_dc"),
        normalise=inference.flag("normalize"),
        model=model.values,
        audio=audio.values,
    )


@dataclass(frozen=True)
class _Section:
    """One table of the file."""

    path: Path
    name: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path, name: str, content: Mapping[str, Any]) -> _Section:
        values = content.get(name)
        if not isinstance(values, dict | None):
            raise ModelError(f"{path}: section {name} is not a table")
        return cls(path, name, values or {})

    def number(self, key: str, default: int | None = None) -> int:
        value = self.values.get(key, default)
        if value is None:
            raise ModelError(f"{self.path}: section {self.name} lacks {key}")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
            raise ModelError(f"{self.path}: {self.name}.{key} is {value!r}, not a positive integer")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if not isinstance(value, bool | None):
            raise ModelError(f"{self.path}: {self.name}.{key} is {value!r}, not true or false")
        return bool(value)


def _architecture(path: Path, model: _Section, training: _Section) -> Architecture:
    """Recognise an architecture by its characteristic arguments."""
    keys = model.values.keys()
    declared = str(training.values.get("model_type", ""))
    if declared and declared not in _HOPS:
        raise _not_run(path, declared)
    if "freqs_per_bands" in keys:
        return "bs_roformer"
    if "num_bands" in keys and "depth" in keys:
        return "mel_band_roformer"
    if "band_SR" in keys:
        return "scnet"
    if "num_subbands" in keys and "num_scales" in keys:
        return "mdx23c"
    raise _not_run(path, declared or f"a model of {', '.join(map(str, list(keys)[:4]))} …")


def _targets(
    training: _Section, model: _Section, architecture: Architecture
) -> tuple[tuple[str, ...], str | None]:
    """Return the network's targets, and the name of the rest if it has only one target."""
    names = training.values.get("instruments", model.values.get("sources"))
    if not isinstance(names, list) or not names:
        raise ModelError(f"{training.path}: training.instruments is not a list of targets")
    instruments = [_name(training, name) for name in names]
    if len(set(instruments)) < len(instruments):
        raise ModelError(f"{training.path}: training.instruments has duplicate names")
    only = training.values.get("target_instrument")
    targets = (_name(training, only),) if only is not None else tuple(instruments)
    stems = model.number("num_stems", len(targets)) if "roformer" in architecture else len(targets)
    if stems != len(targets):
        raise ModelError(
            f"{training.path}: model.num_stems is {stems}, but training names {len(targets)} "
            f"targets: {', '.join(targets)}"
        )
    if len(targets) > 1:
        return targets, None
    others = [name for name in instruments if name != targets[0]]
    if len(others) == 1:
        return targets, others[0]
    rest = "instrumental" if targets[0] == "vocals" else "rest"
    return targets, rest if rest != targets[0] else "other"


def _name(training: _Section, value: Any) -> str:
    name = re.sub(r"\s+", "-", str(value).strip().lower())
    if not isinstance(value, str) or not _TARGET.fullmatch(name) or name.endswith("."):
        raise ModelError(
            f"{training.path}: {value!r} is not a valid target name; use letters, digits and ._+-"
        )
    return name


def _not_run(path: Path, what: str) -> ModelError:
    what = what if what.isprintable() else ascii(what)
    return ModelError(
        f"{path} describes {what[:100]}, which is not supported; supported are BS-RoFormer, "
        "Mel-Band RoFormer, SCNet and MDX23C"
    )
