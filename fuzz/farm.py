"""A cluster whose scheduler, workers and client are killed while they separate an album."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from . import seeds
from .runs import album_of, content, files_below

MODEL = ("-m", "umx-synth", "--niter", "0")
FILES = 5
"""Four stems and their record, for each track."""
TRACKS = 100
SECONDS = 0.5
WORKERS = 2
_PATIENCE = 120.0
"""Seconds without a finished track after which the next kill comes anyway."""
_LONGEST = 3600.0


def farm(folder: Path, count: int, seed: int, tracks: int = TRACKS) -> int:
    """Kill parts of a cluster at random moments, spread over the whole album.

    What dies is started again, the client with the same command. At the end the client
    must succeed, and its stems must be those of an undisturbed run, with nothing beside them.
    """
    random = Random(seed)
    album = album_of(folder, tracks, SECONDS)
    whole = folder / "whole"
    subprocess.run(_unmix(album, whole, "--quiet"), check=True, env=_environment())
    expected = _digests(whole)
    assert len(expected) == tracks * FILES
    cluster = _Farm(folder, album)
    # A kill waits for so many finished tracks, so that all parts of the run see some.
    moments = sorted(random.randrange(tracks) for _ in range(count))
    kills: Counter[str] = Counter()
    began = time.monotonic()
    try:
        for moment in moments:
            cluster.run_until(moment)
            time.sleep(random.uniform(0, 1))
            victim = random.choice(("scheduler", "client", *cluster.workers))
            cluster.kill(victim)
            kills[victim.split()[0]] += 1
        cluster.run_to_the_end(began + _LONGEST)
    finally:
        cluster.end()
    found = _digests(cluster.out)
    wrong = {
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    }
    for name in sorted(wrong):
        print(f"--- {name}: {'not the same' if name in expected else 'left behind'}")
    shown = ", ".join(f"{number} {what}s" for what, number in sorted(kills.items()))
    print(
        f"{tracks} tracks, {sum(kills.values())} kills ({shown}), {cluster.runs} runs of the "
        f"client, {time.monotonic() - began:.0f} s: {len(found)} files, {len(wrong)} defects"
    )
    return 1 if wrong else 0


class _Farm:
    """The processes of a cluster, each started again when it has died."""

    def __init__(self, folder: Path, album: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"tcp://127.0.0.1:{port}"
        self.out = folder / "out"
        self.workers = tuple(f"worker {number}" for number in range(WORKERS))
        self.runs = 0
        dask = (sys.executable, "-m", "dask")
        at = ("--host", "127.0.0.1", "--no-dashboard")
        own = ("--no-dashboard", "--no-nanny", "--nthreads", "1", "--memory-limit", "0")
        own += ("--death-timeout", "20", "--local-directory", str(folder))
        self._commands: dict[str, tuple[str, ...]] = {
            "scheduler": (*dask, "scheduler", "--port", str(port), *at),
            **dict.fromkeys(self.workers, (*dask, "worker", address, *own)),
            "client": tuple(_unmix(album, self.out, "--cluster", address, "--skip-existing")),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log = (folder / "farm.log").open("wb")

    def run_until(self, tracks: int) -> None:
        """Keep everything running until so many tracks are finished."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._finished() < tracks:
            self._start_all()
            time.sleep(0.2)
        self._start_all()

    def run_to_the_end(self, deadline: float) -> None:
        """Keep everything running until the client succeeds."""
        while time.monotonic() < deadline:
            self._start_all()
            if self._processes["client"].wait() == 0:
                return
        raise TimeoutError("the client does not get through")

    def kill(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGKILL)
        self._processes[name].wait()

    def end(self) -> None:
        for name in self._processes:
            self.kill(name)
        self._log.close()

    def _finished(self) -> int:
        return sum(1 for _ in self.out.rglob(".unmix.json"))

    def _start_all(self) -> None:
        for name, command in self._commands.items():
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                self.runs += name == "client"
                self._processes[name] = subprocess.Popen(
                    command, stdout=self._log, stderr=self._log, env=_environment()
                )


def _unmix(album: Path, out: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "unmixcli", "separate", str(album), "-o", str(out)]
    return [*command, *MODEL, *more]


def _environment() -> dict[str, str]:
    path = os.pathsep.join((str(seeds.ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def _digests(out: Path) -> dict[str, str]:
    """Return a digest of the samples of each stem, and of nothing for each record."""
    return {
        str(path.relative_to(out)): hashlib.sha256(content(path)).hexdigest()
        for path in files_below(out)
    }
