"""What the user sees of a separation: progress, notices, results. Owns rich."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from ..display import display

if TYPE_CHECKING:
    from ..audio.reading import Excerpt
    from ..engine import SeparatedTrack

_PLAIN_INTERVAL = 10.0
"""Seconds between lines of progress where there is no terminal."""


def print_error(error: object) -> None:
    """Print one sentence on stderr."""
    text = " ".join(str(error).split())
    _console().print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


class Screen:
    """Everything that a run tells the user.

    Parameters
    ----------
    quiet : bool
        Only errors.
    verbose : bool
        Also details.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.console = _console()
        self._live = self.console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[stage]:<10}"),
            TextColumn("{task.fields[speed]}"),
            console=self.console,
            transient=True,
            disable=not self._live,
        )

    @contextmanager
    def session(self) -> Iterator[None]:
        """Show progress and warnings while in the context."""
        log = logging.getLogger("unmixcli")
        handler = _WarningHandler(self)
        log.addHandler(handler)
        log.propagate = False
        try:
            with self._progress:
                yield
        finally:
            log.removeHandler(handler)
            log.propagate = True

    @contextmanager
    def track(self, recording: Excerpt) -> Iterator[Callable[[str, float], None]]:
        """Show the progress of one recording; gives the callback that takes it."""
        name = display(Path(recording.path.name))
        began = time.monotonic()
        told = began
        task = self._progress.add_task(_shorten(name), total=1.0, stage="reading", speed="")

        def update(stage: str, fraction: float) -> None:
            nonlocal told
            now = time.monotonic()
            speed = _speed(fraction, now - began, recording.seconds)
            self._progress.update(task, completed=fraction, stage=stage, speed=speed)
            if not self._live and now - told >= _PLAIN_INTERVAL and fraction < 1:
                told = now
                self.note(f"{name}: {stage}, {100 * fraction:.0f} %, {speed}")

        try:
            yield update
        finally:
            self._progress.remove_task(task)

    def note(self, text: str) -> None:
        """Tell something in passing."""
        if not self.quiet:
            self.console.print(Text(text), soft_wrap=True)

    def detail(self, text: str) -> None:
        """Tell what only a curious user wants to know."""
        if self.verbose:
            self.console.print(Text(text, style="dim"), soft_wrap=True)

    def warning(self, text: str) -> None:
        """Tell what the user should know of, though the work goes on."""
        if not self.quiet:
            self.console.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)

    def failure(self, text: str) -> None:
        """Tell that one input failed."""
        print_error(text)

    def done(self, track: SeparatedTrack) -> None:
        """Tell where the stems of a track are."""
        folder = next(iter(track.stems.values())).parent
        speed = track.seconds / max(track.elapsed, 1e-9)
        self.note(
            f"{display(Path(track.source.name))}: {', '.join(track.stems)} in {display(folder)}/ "
            f"({clock(track.seconds)} of audio in {track.elapsed:.1f} s, {speed:.0f}× real time)"
        )


class _WarningHandler(logging.Handler):
    """Shows the program's warnings between the lines of progress."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.warning(record.getMessage())


def clock(seconds: float) -> str:
    """Write seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _console() -> Console:
    return Console(stderr=True, highlight=False, file=sys.stderr)


def _speed(fraction: float, elapsed: float, seconds: float) -> str:
    if fraction <= 0.02 or elapsed < 0.5:
        return ""
    left = clock(elapsed * (1 - fraction) / fraction)
    return f"{fraction * seconds / elapsed:.0f}× real time, {left} left" if seconds else left


def _shorten(name: str, width: int = 28) -> str:
    return name if len(name) <= width else f"{name[: width - 9]}…{name[-8:]}"

