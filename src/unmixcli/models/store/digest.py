"""Check files: sizes, digests, and digests found at the first download."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ..cards import Weights

CHUNK = 1 << 20


class Hasher:
    """Computes SHA-256 and, if asked, SHA-512 of the bytes that pass."""

    def __init__(self, with_sha512: bool) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512() if with_sha512 else None

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)
        if self._sha512 is not None:
            self._sha512.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def sha512(self) -> str | None:
        return self._sha512.hexdigest() if self._sha512 is not None else None


@dataclass(frozen=True)
class Expected:
    """The known facts about a file before its bytes are read."""

    size: int | None = None
    sha256: str | None = None
    sha512: str | None = None
    sha256_prefix: str | None = None

    @classmethod
    def of(cls, weights: Weights, record: Path | None = None) -> Expected:
        """Take the facts from the card or, if it has no full digest, from a record."""
        sha256 = weights.sha256
        if sha256 is None and weights.sha512 is None and record is not None:
            sha256 = read_record(record)
        return cls(weights.size, sha256, weights.sha512, weights.sha256_prefix)

    @property
    def known(self) -> bool:
        """Whether any digest is known, so that wrong bytes are noticed."""
        return bool(self.sha256 or self.sha512 or self.sha256_prefix)

    @property
    def complete(self) -> bool:
        """Whether a full digest is known, so that none has to be recorded."""
        return bool(self.sha256 or self.sha512)

    def hasher(self) -> Hasher:
        return Hasher(with_sha512=self.sha512 is not None)

    def wrong_size(self, size: int) -> str | None:
        """Say what is wrong with a file of this size, or return None."""
        if self.size is not None and size != self.size:
            return f"has {size:,} bytes instead of {self.size:,}"
        return None if size else "is empty"

    def mismatch(self, found: Hasher) -> str | None:
        """Say what is wrong with the hashed bytes, or return None."""
        if wrong := self.wrong_size(found.size):
            return wrong
        for name, wanted, has in [
            ("SHA-256", self.sha256, found.sha256),
            ("SHA-512", self.sha512, found.sha512),
            ("SHA-256", self.sha256_prefix, found.sha256),
        ]:
            if wanted is not None and not (has or "").startswith(wanted):
                return f"has the {name} {(has or '')[:16]}... instead of {wanted[:16]}..."
        return None


def hash_file(path: Path, found: Hasher) -> Hasher:
    """Pass a file's bytes through a hasher."""
    with path.open("rb", buffering=0) as file:
        while data := file.read(CHUNK):
            found.update(data)
    return found


def read_record(record: Path) -> str | None:
    """Read the digest found at the first download; None if there is no valid one."""
    try:
        match = re.match(r"[0-9a-f]{64}\b", record.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return match and match.group()


def record_line(digest: str, file: str) -> str:
    """Return a record's content, in the format that ``sha256sum --check`` reads."""
    return f"{digest}  {file}\n"
