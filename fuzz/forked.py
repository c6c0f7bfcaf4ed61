"""The command in a child that has everything imported already: hundreds of runs in minutes."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import TextIO

import unmixcli


@functools.cache
def import_everything() -> None:
    """Import all modules here, so that no child needs to."""
    for module in pkgutil.walk_packages(unmixcli.__path__, "unmixcli."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)


class Run:
    """A run of the command in a forked child.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``unmix``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        import_everything()
        from unmixcli.cli.app import main

        self._streams = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        self.code: int | None = None
        self._child = os.fork()
        if self._child:
            return
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, stream in enumerate(self._streams, start=1):
                os.dup2(stream.fileno(), number)
            sys.stdout, sys.stderr = map(_stream, (1, 2))
            sys.argv = ["unmix", *arguments]
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def send(self, number: int) -> None:
        """Send a signal, unless the run has ended."""
        if not self._ended(os.WNOHANG):
            os.kill(self._child, number)

    def finish(self) -> tuple[str, str, int]:
        """Wait; return what it printed to stdout and to stderr, and its exit code."""
        self._ended(0)
        printed = []
        for stream in self._streams:
            stream.seek(0)
            printed.append(stream.read().decode(errors="replace"))
            stream.close()
        assert self.code is not None
        return printed[0], printed[1], self.code

    def _ended(self, how: int) -> bool:
        if self.code is None:
            child, status = os.waitpid(self._child, how)
            if child:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None


def _stream(number: int) -> TextIO:
    return io.TextIOWrapper(open(number, "wb"), line_buffering=True)
