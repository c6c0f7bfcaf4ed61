"""Run one case in a child process with a bound on its time and its memory."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 30
MEMORY = 1_500_000_000
"""Bytes that a case may take beyond what its process has when it begins."""
_PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Result:
    """How a case ended.

    Attributes
    ----------
    kind : str
        ``fine``, ``refused`` (one sentence), or what went wrong: ``traceback``, ``crash``,
        ``hang``, ``memory``, or ``lost`` for a broken promise.
    text : str
    seconds : float
        Of the processor: the machine may be busy with other things.
    memory : int
        Bytes beyond what the process had when it began.
    """

    kind: str
    text: str
    seconds: float
    memory: int

    @property
    def bad(self) -> bool:
        """Whether this is a defect."""
        return self.kind not in ("fine", "refused")


class BrokenPromise(Exception):
    """A case ended well and yet something is wrong, such as a file left behind."""


def run(case: Callable[[], None], seconds: int = SECONDS, memory: int = MEMORY) -> Result:
    """Run a case in a child; errors of the program are its right, all others are defects."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(case, writing, seconds, memory)
    os.close(writing)
    data = b""
    while part := os.read(reading, 65536):
        data += part
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    took = usage.ru_utime + usage.ru_stime
    if data:
        kind, text, used = json.loads(data)
        return Result(kind, text, took, used)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number in (signal.SIGALRM, signal.SIGXCPU):
        return Result("hang", f"more than {seconds} s", took, 0)
    name = signal.Signals(number).name if number else f"exit {os.waitstatus_to_exitcode(status)}"
    return Result("crash", name, took, 0)


def _in_child(case: Callable[[], None], writing: int, seconds: int, memory: int) -> None:
    from unmixcli.errors import UnmixError

    # Seconds of the processor, because other processes may need it too; and some of waiting.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 4 * seconds)
    size, resident = (int(word) * _PAGE for word in _statm().split()[:2])
    # Threads reserve address space that they never use.
    resource.setrlimit(resource.RLIMIT_AS, (size + memory + 1_500_000_000, -1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    kind, text = "fine", ""
    try:
        case()
    except UnmixError as error:
        kind, text = "refused", str(error)
        if error.__cause__ is not None:  # an error of another kind in our words
            kind, text = "traceback", "".join(traceback.format_exception(error))
    except BrokenPromise as error:
        kind, text = "lost", str(error)
    except MemoryError:
        kind, text = "memory", traceback.format_exc()
    except BaseException:
        kind, text = "traceback", traceback.format_exc()
    used = max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - resident)
    if used > memory:
        kind, text = "memory", f"{used / 1e9:.1f} GB"
    data = json.dumps((kind, text[-3000:], used)).encode()
    while data:
        data = data[os.write(writing, data) :]
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    os._exit(0)


def _statm() -> str:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return file.read()
