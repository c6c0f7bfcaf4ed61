"""Damage bytes and text, the same way for the same seed."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
"""Where sizes and counts overflow, wrap or turn negative."""

WORDS = (
    "0", "1", "-1", "-64", "1e400", "-1e400", "NaN", "Infinity", "1.5", "9" * 30, "9" * 5000, "~",
    "true", "null", '""', '"\\u001b[2J"', '"\\ud800"', '"\\u0000"', '"../../x"', '"/etc/passwd"',
    '"con"', '"~"', "[]", "{}", "[[]]", '{"a": 1}', "[" * 2000, '{"a":' * 2000,
    '"' + "x" * 70000 + '"',
    "!!python/object/apply:os.system [id]", "&a [*a, *a]", "*a", "<<: *a", "2026-01-01", "0x10",
    "'", '"', "#", "\\", "\x1b[31m", "\x00", "\ufeff", "²", "é",
)  # fmt: skip
"""What may stand in place of a value."""


def damage(data: bytes, random: Random) -> bytes:
    """Damage binary data in one to eight places, most of them near its ends."""
    result = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if not result:
            break
        random.choice(_BYTES)(result, _place(len(result), random), random)
    return bytes(result)


def _place(length: int, random: Random) -> int:
    near = min(length, random.choice((16, 64, 512, 4096)))
    if random.random() < 0.6:
        return random.randrange(near)
    return (
        length - 1 - random.randrange(near) if random.random() < 0.4 else random.randrange(length)
    )


def _flip(data: bytearray, at: int, random: Random) -> None:
    data[at] ^= 1 << random.randrange(8)


def _set(data: bytearray, at: int, random: Random) -> None:
    data[at] = random.randrange(256)


def _number(data: bytearray, at: int, random: Random) -> None:
    width = random.choice((1, 2, 4, 8))
    value = random.choice(NUMBERS) % 256**width
    data[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))


def _cut(data: bytearray, at: int, random: Random) -> None:
    del data[at:]


def _delete(data: bytearray, at: int, random: Random) -> None:
    del data[at : at + random.randint(1, 200)]


def _repeat(data: bytearray, at: int, random: Random) -> None:
    data[at:at] = data[at : at + random.randint(1, 200)] * random.choice((1, 2, 50))


def _insert(data: bytearray, at: int, random: Random) -> None:
    data[at:at] = random.randbytes(random.randint(1, 64))


def _clear(data: bytearray, at: int, random: Random) -> None:
    span = data[at : at + random.randint(1, 300)]
    data[at : at + len(span)] = bytes([random.choice((0, 255))]) * len(span)


def _swap(data: bytearray, at: int, random: Random) -> None:
    other = random.randrange(len(data))
    size = random.randint(1, 64)
    first, second = data[at : at + size], data[other : other + size]
    data[at : at + len(second)] = second
    data[other : other + len(first)] = first


_BYTES: tuple[Callable[[bytearray, int, Random], None], ...] = (
    _flip, _set, _number, _number, _number, _cut, _delete, _repeat, _insert, _clear, _swap,
)  # fmt: skip

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|\b(?:true|false|null)\b|[A-Za-z_][\w-]*')


def damage_text(data: bytes, random: Random) -> bytes:
    """Damage JSON, TOML or YAML: tokens and lines, and sometimes bytes."""
    text = data.decode()
    for _ in range(random.choice((1, 1, 2, 4))):
        text = random.choice(_TEXTS)(text, random)
    result = text.encode("utf-8", "surrogatepass")
    return damage(result, random) if random.random() < 0.2 else result


def _replace_token(text: str, random: Random) -> str:
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return random.choice(WORDS)
    token = random.choice(tokens)
    return text[: token.start()] + random.choice(WORDS) + text[token.end() :]


def _lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = random.randrange(len(lines))
    change = random.randrange(4)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(at, lines[at])
    elif change == 2:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines.insert(at, f"{random.choice(WORDS)}\n")
    return "".join(lines)


def _cut_text(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _wrap(text: str, random: Random) -> str:
    opening, closing = random.choice((("[", "]"), ('{"a": ', "}"), ("- ", ""), ("[a]\n", "")))
    return opening * (count := random.choice((1, 3, 1000, 20000))) + text + closing * count


_TEXTS = (_replace_token, _replace_token, _replace_token, _lines, _cut_text, _wrap)
