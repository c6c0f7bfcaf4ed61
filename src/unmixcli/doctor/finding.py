"""Findings, as data."""

from __future__ import annotations

from importlib import metadata
from typing import Literal, Self

from pydantic import BaseModel, computed_field

Status = Literal["good", "note", "broken"]
"""A note is worth knowing, but nothing is wrong."""


class Finding(BaseModel):
    """The result of one check."""

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""
    """What to do about it."""

    @classmethod
    def of(cls, area: str, name: str, status: Status, detail: str, remedy: str = "") -> Self:
        """Create a finding with its detail on one line."""
        return cls(
            area=area, name=name, status=status, detail=" ".join(detail.split()), remedy=remedy
        )


class Diagnosis(BaseModel):
    """The results of all checks."""

    findings: list[Finding]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(finding.status != "broken" for finding in self.findings)


def words(error: BaseException) -> str:
    """Format any error on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def version(name: str) -> str:
    """Return the version of a package, or an empty string if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
