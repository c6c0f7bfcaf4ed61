"""What was found, as data."""

from __future__ import annotations

from importlib import metadata
from typing import Literal, Self

from pydantic import BaseModel, computed_field

Status = Literal["good", "note", "broken"]
"""Note is what a user may want to know and nothing is wrong with."""


class Finding(BaseModel):
    """One thing that was looked at."""

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""
    """What to do about it."""

    @classmethod
    def of(cls, area: str, name: str, status: Status, detail: str, remedy: str = "") -> Self:
        """Make a finding with a detail on one line."""
        return cls(
            area=area, name=name, status=status, detail=" ".join(detail.split()), remedy=remedy
        )


class Diagnosis(BaseModel):
    """Everything that was looked at."""

    findings: list[Finding]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(finding.status != "broken" for finding in self.findings)


def words(error: BaseException) -> str:
    """Put an error of any kind in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def version(name: str) -> str:
    """Return the version of an installed package, empty if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
