"""The files that the recordings of one run will write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import OutputError
from ..files.ledger import Ledger
from ..words import display


class Claims:
    """The files that the recordings of one run will write.

    Parameters
    ----------
    is_input : callable, optional
        Returns whether a file is a recording of the run, which must not be overwritten.
    """

    def __init__(self, is_input: Callable[[Path], bool] | None = None) -> None:
        self._is_input = is_input
        self._owners = Ledger()

    def has_twin(self, recording: Path, paths: Iterable[Path]) -> bool:
        """Return whether one of the files belongs to a recording that differs in its extension."""
        owners = {self._owners.note(_key(path)) for path in paths}
        return any(
            other is not None and other.stem == recording.stem and other.name != recording.name
            for other in owners
        )

    def claim(self, recording: Path, paths: Iterable[Path]) -> None:
        """Reserve these files for a recording.

        Raises
        ------
        OutputError
            If another recording of the run has reserved one of them, or one
            of them is a recording of the run itself.
        """
        paths = list(paths)
        for path in paths:
            if self._is_input is not None and self._is_input(path):
                raise OutputError(
                    f"{display(recording)} was skipped: its stem would replace {display(path)}, "
                    "which is an input of this run; choose another --outdir or --filename"
                )
        for path in paths:
            other = self._owners.note(_key(path))
            if other not in (None, recording):  # the same recording may be tried twice
                raise OutputError(
                    f"{display(recording)} was skipped: its stems would have the same names as "
                    f"those of {display(other or path)}; separate it by itself with another "
                    "--outdir, or put {folder} into --filename"
                )
        for path in paths:
            self._owners.add(_key(path), recording)

    def is_claimed(self, path: Path) -> bool:
        """Return whether a recording has reserved this file."""
        return self._owners.note(_key(path)) is not None


def _key(path: Path) -> str:
    return str(path.absolute()).casefold()
