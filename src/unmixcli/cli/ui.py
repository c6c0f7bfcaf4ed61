"""The terminal output of a separation: progress, notices, results. Owns rich."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, Progress, TextColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from ..errors import UnmixError
from ..words import clock, display, plain
from .console import is_live, print_error, quiet_libraries, stderr

if TYPE_CHECKING:
    from ..audio.reading import Excerpt
    from ..separation.results import Outcome
    from .summary import Summary

INTERRUPTED = 130
"""The exit code."""
_PLAIN_FIRST, _PLAIN_INTERVAL = 3.0, 10.0
"""Seconds until the first line of progress, and between two, if bars cannot be shown."""


class Screen:
    """Prints everything that a run shows to the user.

    Parameters
    ----------
    quiet : bool
        Print errors only.
    verbose : bool
        Print details too.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.skipped = ""
        """What was said of the last recording that was skipped."""
        self.console = stderr()
        self._live = is_live(self.console) and not quiet
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
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
            with quiet_libraries() if self.quiet else contextlib.nullcontext():
                yield
        finally:
            log.removeHandler(handler)
            log.propagate = True

    @contextmanager
    def track(
        self,
        recording: Excerpt,
        place: str = "",
        all_left: Callable[[float], float | None] = lambda fraction: None,
    ) -> Iterator[Callable[[str, float], None]]:
        """Show the progress of one recording; yields the callback that updates it.

        Parameters
        ----------
        recording : Excerpt
        place : str
            Its position in a batch, such as ``3/100``.
        all_left : callable
            Takes the fraction that is done of this recording, and returns the seconds left for
            all recordings, if known.
        """
        name = f"{place} {display(Path(recording.path.name))}".strip()
        began = time.monotonic()
        told, state = began, f"{name}: reading"
        furthest = 0.0
        task = self._progress.add_task(_shorten(name), total=1.0, stage="reading", speed="")

        def update(stage: str, fraction: float) -> None:
            nonlocal told, state, began, furthest
            now = time.monotonic()
            if fraction < furthest:  # the next part of the work counts from 0 again
                began = now
            furthest = fraction
            speed = _speed(fraction, now - began, recording.seconds)
            if (left := all_left(fraction)) is not None:
                speed += f"{speed and ', '}{clock(left)} for all"
            self._progress.update(task, completed=fraction, stage=stage, speed=speed)
            state = f"{name}: {stage}, {100 * fraction:.0f} %{speed and ', '}{speed}"
            if not self._live and now - told >= _PLAIN_INTERVAL and fraction < 1:
                told = now
                self.note(state)

        # A timer, because a slow model may not report anything for a while.
        first = threading.Timer(_PLAIN_FIRST, lambda: self.note(state))
        first.daemon = True
        if not self._live:
            first.start()
        # Start only now: while weights are downloaded, their bars use the screen.
        self._progress.start()
        try:
            yield update
        finally:
            first.cancel()
            self._progress.remove_task(task)
            self._progress.stop()

    @contextmanager
    def status(self, line: Callable[[], str], *, live: bool) -> Iterator[None]:
        """Show a line about the whole run while in the context; empty lines are not shown.

        Parameters
        ----------
        line : callable
            Returns the line.
        live : bool
            Keep it at the bottom of a terminal; otherwise print it now and then.
        """
        ended = threading.Event()
        shown = Status("", console=self.console, spinner_style="dim")
        bottom = live and self._live

        def show() -> None:
            said = ""
            while not ended.wait(1.0 if bottom else _PLAIN_INTERVAL):
                text = line()
                if bottom:
                    shown.update(Text(plain(text)))
                elif text and text != said:
                    said = text
                    self.note(text)

        thread = threading.Thread(target=show, name="unmix-status", daemon=True)
        thread.start()
        try:
            with shown if bottom else contextlib.nullcontext():
                yield
        finally:
            ended.set()
            thread.join()

    def note(self, text: str) -> None:
        """Print a note."""
        if not self.quiet:
            self.console.print(Text(plain(text)), soft_wrap=True)

    def detail(self, text: str) -> None:
        """Print a detail, if the user asked for details."""
        if self.verbose:
            self.console.print(Text(plain(text), style="dim"), soft_wrap=True)

    def warning(self, text: str) -> None:
        """Print a warning; the work goes on."""
        if not self.quiet:
            self.console.print(Text.assemble(("warning: ", "yellow"), plain(text)), soft_wrap=True)

    def failure(self, text: str) -> None:
        """Print why one input failed."""
        print_error(text)

    def tell(self, outcome: Outcome) -> None:
        """Print the result of one recording."""
        from ..separation.results import Skipped

        result = outcome.result
        name = "standard input" if outcome.source == "-" else display(Path(outcome.source or ""))
        if isinstance(result, UnmixError):
            # Most errors name the recording themselves.
            named = not outcome.source or name in str(result)
            self.failure(str(result) if named else f"{name}: {result}")
            return
        folder = Path(
            os.path.commonpath([path.parent.absolute() for path in result.stems.values()])
        )
        with contextlib.suppress(ValueError):
            folder = folder.relative_to(Path.cwd())
        where = f"{', '.join(result.stems)} in {display(folder)}/"
        if isinstance(result, Skipped):
            self.detail(f"{name}: skipped, already done: {where}")
            self.skipped = f"{name}: skipped, already done: {where}"
            return
        speed = result.seconds / max(result.elapsed, 1e-9)
        self.note(
            f"{name}: {where} ({clock(result.seconds)} of audio in {result.elapsed:.1f} s, "
            f"{speed:.0f}× real time)"
        )
        if result.gain != 1:
            decibels = 20 * math.log10(result.gain)
            loudness = result.loudness
            aim = f"to {loudness.reached:.1f} LUFS" if loudness else "to stay within full scale"
            self.note(
                f"{name}: all stems were turned {'up' if decibels > 0 else 'down'} by "
                f"{abs(decibels):.1f} dB {aim}"
            )

    def summary(self, summary: Summary) -> None:
        """Print the totals of a run."""
        speed = f"{summary.speed:.1f}× real time" if summary.seconds else ""
        audio, elapsed = clock(summary.seconds), clock(summary.elapsed)
        if self.console.is_terminal:
            table = Table(box=SIMPLE_HEAD, pad_edge=False)
            for name in ("recordings", "separated", "skipped", "failed", "audio", "time", ""):
                table.add_column(name, justify="right")
            counts = (summary.count, summary.separated, summary.skipped, summary.failed)
            table.add_row(*map(str, counts), audio, elapsed, speed)
            self.console.print(table)
        else:
            self.note(
                f"{summary.count} recordings: {summary.separated} separated, "
                f"{summary.skipped} skipped, {summary.failed} failed"
                + (f"; {audio} of audio in {elapsed}, {speed}" if speed else "")
            )
        if summary.failed:
            self.note("the reasons of the failures are printed above, each as an error")


class _WarningHandler(logging.Handler):
    """Prints the program's warnings between the lines of progress."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.warning(record.getMessage())


def _speed(fraction: float, elapsed: float, seconds: float) -> str:
    if fraction <= 0.02 or elapsed < 0.5:
        return ""
    left = clock(elapsed * (1 - fraction) / fraction)
    return f"{fraction * seconds / elapsed:.0f}× real time, {left} left" if seconds else left


def _shorten(name: str, width: int = 28) -> str:
    return name if len(name) <= width else f"{name[: width - 9]}…{name[-8:]}"
