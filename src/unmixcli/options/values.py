"""Convert what people type, and what files hold, to the values of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .mixes import split_mix


def split_names(value: Any) -> Any:
    """Accept ``"vocals,drums"`` and ``["vocals,drums", "bass"]`` for a list of names."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(
            name.strip() for item in value for name in str(item).split(",") if name.strip()
        )
    return value


def split_pairs(value: Any) -> Any:
    """Accept ``["KEY=VALUE", ...]`` for a mapping, and numbers for its values."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, (list, tuple)):
        pairs = {}
        for pair in map(str, value):
            key, equals, content = (part.strip() for part in pair.partition("="))
            if not equals or not key:
                raise ValueError(f"{pair!r} is not of the form KEY=VALUE")
            pairs[key] = content
        return pairs
    if isinstance(value, Mapping):
        return {key: _word(content) for key, content in value.items()}
    return value


def split_mixes(value: Any) -> Any:
    """Accept ``{NAME: "a+b"}`` and ``"NAME=a+b,..."`` for a list of ``NAME=a+b``."""
    if isinstance(value, Mapping):
        value = [f"{name}={content}" for name, content in value.items()]
    return split_names(value)


def _word(value: Any) -> Any:
    """Turn a number or a boolean from a file into the text that a user would type."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def lower(value: Any) -> Any:
    value = _word(value)
    return value.lower().lstrip(".") if isinstance(value, str) else value


def name_of_device(value: Any) -> Any:
    """Accept a `torch.device`, without importing torch."""
    return str(value) if type(value).__module__.partition(".")[0] == "torch" else value


def check_rate(value: Any) -> int | str:
    word = lower(value)
    if word in ("input", "model"):
        return str(word)
    if not str(word).isdecimal() or not 1000 <= int(word) <= 384000:
        raise ValueError("it must be input, model or a number of Hz from 1000 to 384000")
    return int(word)


def check_mixes(mixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("=".join(split_mix(text)) for text in mixes)
