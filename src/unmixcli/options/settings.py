"""User defaults: a ``config.toml`` and ``UNMIX_*`` variables.

Options win over variables, variables over the file, and the file over the
built-in defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audio.formats import Encoding, misfit
from ..errors import UsageError
from ..files import paths
from ..files.documents import DocumentError, read_toml
from ..words import nearest
from .config import SeparationConfig

PREFIX = "UNMIX_"
_NOT_OPTIONS = frozenset(("UNMIX_HOME", "UNMIX_STUDIO_PASSWORD"))

_CHOICE = ("targets", "mix", "preset", "only_mixes")
"""Options that together choose which files to write."""


@dataclass(frozen=True)
class Setting:
    """The value of one option and where it comes from.

    Attributes
    ----------
    value : object
        As written in that source.
    source : str
        ``default``, ``option``, the name of a variable or the path of the file.
    rank : int
        Higher wins.
    """

    value: Any
    source: str
    rank: int


@dataclass(frozen=True)
class Settings:
    """Every option's value with its source.

    Attributes
    ----------
    settings : mapping of str to Setting
        Keyed by field of `SeparationConfig`; only fields that are set somewhere.
    """

    settings: Mapping[str, Setting]

    @classmethod
    def load(cls, options: Mapping[str, Any] | None = None) -> Settings:
        """Combine the file, the environment and the given options.

        Parameters
        ----------
        options : mapping, optional
            Fields of `SeparationConfig` and their values.

        Raises
        ------
        UsageError
            If a value is invalid; the message names the file and the key, or the variable.
        """
        settings: dict[str, Setting] = {}
        settings |= _from_file(config_file())
        settings |= _from_environment(os.environ)
        settings |= {name: Setting(value, "option", 3) for name, value in (options or {}).items()}
        return cls(_without_conflicts(settings))

    def source(self, field: str) -> str:
        """Return where the value of a field comes from."""
        setting = self.settings.get(field)
        return "default" if setting is None else setting.source

    def config(self) -> SeparationConfig:
        """Return the resulting config.

        Raises
        ------
        UsageError
            If values contradict each other; the message names their sources.
        """
        try:
            config = SeparationConfig.parse(**{name: s.value for name, s in self.settings.items()})
            Encoding.of(
                config.format, config.bit_depth, config.quality, config.clip, config.sample_rate
            )
        except UsageError as error:
            words = str(error).replace("_", " ")
            blamed = [
                f"{name} comes from {setting.source}"
                for name, setting in self.settings.items()
                if setting.source != "option" and name.replace("_", " ") in words
            ]
            raise UsageError(f"{error} ({', '.join(blamed)})" if blamed else str(error)) from None
        return config


def config_file() -> Path:
    """Return the path of the user's defaults; the file may not exist."""
    return paths.config_dir() / "config.toml"


def unknown_variables() -> list[str]:
    """Return the variables that look like settings but are not."""
    known = {variable_of(name) for name in SeparationConfig.model_fields} | _NOT_OPTIONS
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def variable_of(field: str) -> str:
    """Return the name of the variable that sets a field."""
    return PREFIX + field.upper()


def _from_file(path: Path) -> dict[str, Setting]:
    try:
        content = read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, DocumentError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}") from None
    settings = {}
    for key, value in content.items():
        field = key.replace("-", "_")
        if field not in SeparationConfig.model_fields:
            close = nearest(field, SeparationConfig.model_fields)
            raise UsageError(f"{path}, key {key}: unknown option{close}")
        if field in settings:
            raise UsageError(f"{path}, key {key}: it is set twice")
        _check(f"{path}, key {key}", field, value)
        settings[field] = Setting(value, str(path), 1)
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    settings = {}
    for field in SeparationConfig.model_fields:
        name = variable_of(field)
        value: Any = environment.get(name, "").strip()
        if not value:
            continue
        if field == "offline":  # all other commands read this one too
            value = paths.offline()
        _check(name, field, value)
        settings[field] = Setting(value, name, 2)
    return settings


def _check(where: str, field: str, value: Any) -> None:
    """Validate one value by itself, so that an error can name its source."""
    try:
        SeparationConfig.parse(**{field: value})
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).removeprefix(f'{field} ')}") from None


def _without_conflicts(settings: dict[str, Setting]) -> dict[str, Setting]:
    """Drop defaults that no longer fit once other values are overridden.

    The options that choose the files to write count as one: the strongest
    source that sets any of them decides all of them. And a default bit depth
    of 16 applies to formats that have one; it does not forbid
    ``--format mp3``.
    """
    kept = dict(settings)
    if "model" in kept and "goal" in kept and kept["model"].rank != kept["goal"].rank:
        del kept[min(("model", "goal"), key=lambda name: kept[name].rank)]
    highest = max((kept[name].rank for name in _CHOICE if name in kept), default=0)
    for name in _CHOICE:
        if name in kept and kept[name].rank < highest:
            del kept[name]
    for name in ("bit_depth", "quality", "clip"):
        if name in kept and kept[name].source != "option" and _misfits(kept, name):
            del kept[name]
    return kept


def _misfits(settings: Mapping[str, Setting], name: str) -> bool:
    wanted = {
        key: settings[key].value for key in ("format", "bit_depth", "clip", name) if key in settings
    }
    config = SeparationConfig.parse(**wanted)
    if name == "clip":
        return misfit(config.format, config.bit_depth, None, config.clip) is not None
    if name == "quality":
        return misfit(config.format, None, config.quality) is not None
    return misfit(config.format, config.bit_depth) is not None
