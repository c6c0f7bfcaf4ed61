"""Recordings that harm the worker that separates them, by their names."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

POISON = "poison.wav"
DEADLY_ONCE = "deadly-once.wav"


class Poisoned(WorkerPlugin):
    """Kills its worker in the middle of a recording of the name, as too little memory would."""

    name = "poisoned"

    def setup(self, worker: Any) -> None:
        from unmixcli.audio.writing import StemWriter

        original = StemWriter.finish

        def finish(writer: StemWriter) -> None:
            folder = next(iter(writer.parts)).parent
            mark = Path(folder.parent, f"{folder.name}.died")
            if folder.name == Path(POISON).stem:
                os.kill(os.getpid(), signal.SIGKILL)
            if folder.name == Path(DEADLY_ONCE).stem and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            original(writer)

        StemWriter.finish = finish  # type: ignore[method-assign]
