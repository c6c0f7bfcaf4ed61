"""Fixtures for all tests: a separate home folder and a server that misbehaves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

from browsing import browser
from running import run_unmix
from server import Server
from toys import IMPATIENT
from unmixcli.models.discovery import GROUP
from unmixcli.models.store import Store

__all__ = ["browser", "run_unmix"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the program's own, and no proxy or setting of the machine's."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("UNMIX_", "SSL_CERT_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("UNMIX_HOME", str(home))
    return home


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make these entry points all the plugins that are installed."""
    real = metadata.entry_points

    def install(*entries: metadata.EntryPoint) -> None:
        monkeypatch.setattr(
            "unmixcli.models.registry.metadata.entry_points",
            lambda group: entries if group == GROUP else real(group=group),
        )

    return install


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with four small random networks, in the true layout."""
    from networks import four_states, write_folder

    return write_folder(tmp_path_factory.mktemp("models") / "tiny", four_states(hidden=16))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    try:
        subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs openssl: {error}")
    both = folder / "both.pem"
    both.write_text((folder / "cert").read_text() + (folder / "key").read_text())
    return both


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are slower on several threads, much so on a busy machine."""
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def two_threads() -> Iterator[None]:
    """As many as work that is shared needs, whatever the machine has."""
    with torch_threads(2):
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs the right to mount a small file system: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def store(home: Path) -> Store:
    return Store(policy=IMPATIENT)
