"""Defaults of the user's own: a ``config.toml`` and ``UNMIX_*`` variables.

Options that are given win over variables, variables over the file, and the
file over what ships.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audio.formats import Encoding, misfit
from ..errors import UsageError
from ..files import paths
from .config import SeparationConfig

PREFIX = "UNMIX_"
_NOT_OPTIONS = frozenset(("UNMIX_HOME",))

_CHOICE = ("targets", "mix", "preset", "only_mixes")
"""Options that together say what to write."""


@dataclass(frozen=True)
class Setting:
    """The value of one option and where it is from.

    Attributes
    ----------
    value : object
        As it was written there.
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
        By the field of `SeparationConfig`; only those that are set somewhere.
    """

    settings: Mapping[str, Setting]

    @classmethod
    def load(cls, options: Mapping[str, Any] | None = None) -> Settings:
        """Gather what the file, the environment and the options given say.

        Parameters
        ----------
        options : mapping, optional
            Fields of `SeparationConfig` and their values.

        Raises
        ------
        UsageError
            If a value is wrong, naming the file and the key, or the variable.
        """
        settings: dict[str, Setting] = {}
        settings |= _from_file(config_file())
        settings |= _from_environment(os.environ)
        settings |= {name: Setting(value, "option", 3) for name, value in (options or {}).items()}
        return cls(_without_conflicts(settings))

    def source(self, field: str) -> str:
        """Return where the value of a field is from."""
        setting = self.settings.get(field)
        return "default" if setting is None else setting.source

    def config(self) -> SeparationConfig:
        """Return the config that results.

        Raises
        ------
        UsageError
            If values contradict each other, naming where they are from.
        """
        try:
            config = SeparationConfig.parse(**{name: s.value for name, s in self.settings.items()})
            Encoding.of(config)
        except UsageError as error:
            words = str(error).replace("_", " ")
            blamed = [
                f"{name} is from {setting.source}"
                for name, setting in self.settings.items()
                if setting.source != "option" and name.replace("_", " ") in words
            ]
            raise UsageError(f"{error} ({', '.join(blamed)})" if blamed else str(error)) from None
        return config


def config_file() -> Path:
    """Return where the user's defaults are; the file need not exist."""
    return paths.config_dir() / "config.toml"


def unknown_variables() -> list[str]:
    """Return the variables that look like settings but are none."""
    known = {variable_of(name) for name in SeparationConfig.model_fields} | _NOT_OPTIONS
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def variable_of(field: str) -> str:
    """Return the name of the variable that sets a field."""
    return PREFIX + field.upper()


def _from_file(path: Path) -> dict[str, Setting]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{path} cannot be read: {reason}") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    settings = {}
    for key, value in content.items():
        field = key.replace("-", "_")
        if field not in SeparationConfig.model_fields:
            raise UsageError(f"{path}, key {key}: there is no such option{_nearest(field)}")
        if field in settings:
            raise UsageError(f"{path}, key {key}: it is there twice")
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
        if field == "offline":  # every other command reads this one too
            value = paths.offline()
        _check(name, field, value)
        settings[field] = Setting(value, name, 2)
    return settings


def _check(where: str, field: str, value: Any) -> None:
    """Validate one value by itself, so that a complaint can say where it is from."""
    try:
        SeparationConfig.parse(**{field: value})
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).removeprefix(f'{field} ')}") from None


def _without_conflicts(settings: dict[str, Setting]) -> dict[str, Setting]:
    """Drop defaults that only made sense without what now overrides others.

    What is written is decided as a whole, by the place with the last word on
    any of it. And a default bit depth of 16 is for formats that have one, no
    obstacle to ``--format mp3``.
    """
    kept = dict(settings)
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


def _nearest(field: str, fields: Iterable[str] = SeparationConfig.model_fields) -> str:
    close = difflib.get_close_matches(field, list(fields), n=1)
    return f"; did you mean {close[0]}?" if close else ""
