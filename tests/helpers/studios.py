"""A studio in a test: served in this process or in one of its own, with songs to separate."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from mutagen.flac import FLAC, Picture

from running import COMMAND, environment
from sounds import music

RATE = 44100
HOST = "http://127.0.0.1:8459"
MODEL = "umx-synth"
"""The model in the box."""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060"
    "00000004000127d4a2c60000000049454e44ae426082"
)
"""A picture, as PNG."""


def song(path: Path, seconds: float = 1.0, seed: int = 0, **tags: str) -> Path:
    """Write a FLAC file with tags and a cover; its extension may say something else."""
    audio = music(seconds, RATE, seed=seed)
    data = io.BytesIO()
    soundfile.write(data, audio, RATE, format="FLAC")
    path.write_bytes(data.getvalue())
    file = FLAC(path)
    for name, text in tags.items():
        file[name] = text
    cover = Picture()
    cover.type, cover.mime, cover.data = 3, "image/png", PIXEL
    file.add_picture(cover)
    file.save()
    return path


def until(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """Wait for something, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


def add(client: Any, path: Path, **query: str) -> dict[str, Any]:
    """Upload a song; the answer describes it."""
    answer = client.post(
        "/api/songs", params={"name": path.name} | query, content=path.read_bytes()
    )
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(client: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    """Wait until a job is over, and describe it."""

    def over() -> dict[str, Any] | None:
        found = client.get(f"/api/jobs/{job['id']}").json()
        return None if found["state"] in ("waiting", "working") else found

    found: dict[str, Any] = until(over)
    return found


def read(content: bytes) -> np.ndarray:
    """Return the samples of a file, shape (channels, samples)."""
    return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].T


class Server:
    """`unmix studio` in a process of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        command = [*COMMAND, "studio", "--no-browser", "--port", "0", *self._arguments]
        own = {"UNMIX_HOME": str(self.home), "UNMIX_OFFLINE": "1"}
        self.process = subprocess.Popen(
            command, env=environment() | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate()
        self.root, _, self.token = self.address.partition("/?token=")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """End it as a user does; return its exit code and what it said."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[Server]:
    server = Server(home, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
