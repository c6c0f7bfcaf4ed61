"""The outcome of each recording as JSON: on stdout, and in a file that grows with the run."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from ..errors import UnmixError, UsageError
from ..words import display

if TYPE_CHECKING:
    from ..separation.results import Outcome


class Report:
    """A file with a line of JSON for each recording, appended as soon as it is finished.

    Parameters
    ----------
    path : Path, optional
        Without one, nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = self._path.open("a", encoding="ascii")
            except OSError as error:
                raise UsageError(
                    f"the report {display(self._path)} cannot be written: {error.strerror}"
                ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: str) -> None:
        """Append a line.

        Raises
        ------
        UnmixError
            If the disk is full.
        """
        if self._file is None:
            return
        try:
            self._file.write(f"{row}\n")
            self._file.flush()
        except OSError as error:
            raise UnmixError(f"the report cannot be written: {error.strerror}") from None


def row_of(outcome: Outcome) -> str:
    """Describe the outcome of one recording in a line of JSON, for scripts."""
    return json.dumps(record(outcome))


def record(outcome: Outcome) -> dict[str, object]:
    """Describe the result of one recording, for scripts."""
    from ..separation.results import Skipped

    result = outcome.result
    about: dict[str, object] = {"source": outcome.source}
    if isinstance(result, UnmixError):
        return about | {"status": "failed", "error": str(result)}
    stems = {name: str(path) for name, path in result.stems.items()}
    if isinstance(result, Skipped):
        page = {} if result.page is None else {"page": str(result.page)}
        return about | {"status": "skipped", "stems": stems} | page
    return about | {
        "status": "separated",
        "model": result.model,
        "stems": stems,
        "page": None if result.page is None else str(result.page),
        "sample_rate": result.sample_rate,
        "channels": result.channels,
        "seconds": round(result.seconds, 6),
        "elapsed": round(result.elapsed, 3),
        "gain": result.gain,
        "loudness": None if result.loudness is None else result.loudness.facts,
        "gap_db": None if result.gap is None else round(result.gap, 2),
        "levels": {
            name: {"peak": round(level.peak, 6), "limited": level.limited}
            for name, level in result.levels.items()
        },
    }
