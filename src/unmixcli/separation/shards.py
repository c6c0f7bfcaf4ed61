"""One of several equal shares of a library, for schedulers that start many separate runs."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from ..errors import UnmixError, UsageError
from .inputs import Found


@dataclass(frozen=True)
class Shard:
    """A share of the recordings, such as the third of sixteen.

    A recording's share follows from its path alone, so it stays the same when other
    recordings come or go.
    """

    number: int
    """From 1."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a share such as ``3/16``.

        Raises
        ------
        UsageError
            If it is not of that form, or there is no such share.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        number, count = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise UsageError(
                f"shard {text!r}: write it as NUMBER/COUNT, such as 3/16; numbers start at 1"
            )
        return cls(number, count)

    def of(self, found: Iterable[Found | UnmixError]) -> Iterator[Found | UnmixError]:
        """Yield the recordings of this share, and all errors."""
        for each in found:
            if isinstance(each, UnmixError) or self._has(each):
                yield each

    def _has(self, found: Found) -> bool:
        # Without the extension: a.mp4 and a.wav must know of each other, see `Claims`.
        return zlib.crc32(os.fsencode(found.path.with_suffix(""))) % self.count == self.number - 1
