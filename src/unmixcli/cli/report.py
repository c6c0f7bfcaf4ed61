"""The outcome of each recording as JSON: on stdout, and in a file that grows with the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import UnmixError, UsageError
from ..words import display

if TYPE_CHECKING:
    from ..separation.results import Outcome


@contextmanager
def reporting(path: Path | None, results: TextIO | None) -> Iterator[Callable[[Outcome], None]]:
    """Yield what writes the outcome of a recording as a line of JSON, as soon as it is finished.

    Parameters
    ----------
    path : Path, optional
        A file that the lines are appended to.
    results : text file, optional
        Where they are printed.

    Raises
    ------
    UsageError
        If the file cannot be opened.
    UnmixError
        If the disk is full.
    """
    try:
        opened = nullcontext() if path is None else path.open("a", encoding="ascii")
    except OSError as error:
        assert path is not None
        raise UsageError(
            f"the report {display(path)} cannot be written: {error.strerror}"
        ) from None
    with opened as file:

        def add(outcome: Outcome) -> None:
            if file is None and results is None:
                return
            row = json.dumps(record(outcome))
            if file is not None:
                try:
                    file.write(f"{row}\n")
                    file.flush()
                except OSError as error:
                    raise UnmixError(f"the report cannot be written: {error.strerror}") from None
            if results is not None:
                print(row, file=results, flush=True)

        yield add


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
