"""Turn the values of options, as people type them, into those that the config holds."""

from __future__ import annotations

import re
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
        return {key: word(content) for key, content in value.items()}
    return value


def split_mixes(value: Any) -> Any:
    """Accept ``{NAME: "a+b"}`` and ``"NAME=a+b,..."`` for a list of ``NAME=a+b``."""
    if isinstance(value, Mapping):
        value = [f"{name}={content}" for name, content in value.items()]
    return split_names(value)


def word(value: Any) -> Any:
    """Turn a number or a boolean from a file into the text that a user would type."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def lower(value: Any) -> Any:
    """Ignore case and a leading dot."""
    value = word(value)
    return value.lower().lstrip(".") if isinstance(value, str) else value


def name_of_device(value: Any) -> Any:
    """Accept a `torch.device`, without importing torch."""
    return str(value) if type(value).__module__.partition(".")[0] == "torch" else value


def check_rate(value: Any) -> int | str:
    """Accept ``input``, ``model`` or a sample rate in Hz."""
    name = lower(value)
    if name in ("input", "model"):
        return str(name)
    if not str(name).isdecimal() or not 1000 <= int(name) <= 384000:
        raise ValueError("it must be input, model or a number of Hz from 1000 to 384000")
    return int(name)


def check_loudness(lufs: float | None) -> float | None:
    """Accept a loudness that a recording can have."""
    if lufs is not None and not -70 < lufs <= 0:
        hint = f", such as {-lufs:g}" if 0 < lufs < 70 else ""
        raise ValueError(f"it is in LUFS, from above -70 to 0{hint}")
    return lufs


def check_mixes(mixes: tuple[str, ...]) -> tuple[str, ...]:
    """Check the form of ``NAME=a+b-c``, and remove spaces around the equals sign."""
    return tuple("=".join(split_mix(text)) for text in mixes)


def seconds(value: Any) -> Any:
    """Accept ``1:30`` and ``1:02:03.5`` for a number of seconds.

    >>> seconds("1:30"), seconds("1:02:03.5"), seconds("90")
    (90.0, 3723.5, '90')
    """
    if not isinstance(value, str) or ":" not in value:
        return value
    found = re.fullmatch(r"\s*(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)\s*", value)
    if found is None or float(found[3]) >= 60 or (found[1] and int(found[2]) >= 60):
        raise ValueError("write a time as seconds, m:ss or h:mm:ss, such as 90, 1:30 or 1:02:03.5")
    return 3600.0 * int(found[1] or 0) + 60.0 * int(found[2]) + float(found[3])


def quality_of(value: Any) -> Any:
    """Accept a quality from 0 to 10, or a bit rate in kb/s such as ``320k``.

    >>> quality_of("320K"), quality_of("7"), quality_of(7)
    ('320k', 7.0, 7.0)
    """
    if value is None:
        return None
    text = str(word(value)).strip().lower()
    text = re.sub(r"\s*(kbps|kbit/s|kb/s|kbit)$", "k", text)
    if re.fullmatch(r"[1-9]\d{0,3}k", text):
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if 0 <= number <= 10:
        return number
    hint = f"; for a bit rate write {number:.0f}k" if 10 < number <= 1000 else ""
    raise ValueError(f"it must be from 0 to 10, or a bit rate such as 320k{hint}")
