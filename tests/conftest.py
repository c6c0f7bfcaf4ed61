"""Fixtures for all tests: a home of their own and a server that misbehaves."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from running import run_unmix
from server import Server
from unmixcli.catalogue import ModelCard, Weights
from unmixcli.store import FetchEvent, Policy, Store

__all__ = ["run_unmix"]

IMPATIENT = Policy(
    connect_timeout=2, read_timeout=0.4, rounds=3, backoff=0.02, longest_wait=5, redirects=4
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the program's own, and no proxy or setting of the machine's."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("UNMIX_", "SSL_CERT_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("UNMIX_HOME", str(home))
    return home


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


def some_bytes(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


def card_for(
    files: dict[str, bytes], *urls: str, name: str = "tiny", known: str = "sha256", **more: Any
) -> ModelCard:
    """A card whose files are at ``URL/FILE``; ``known`` is how much its digests tell."""

    def digests(data: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(data).hexdigest()
        return {
            "sha256": {"size": len(data), "sha256": sha256},
            "sha512": {"sha512": hashlib.sha512(data).hexdigest()},
            "prefix": {"sha256_prefix": sha256[:8]},
            "nothing": {},
        }[known]

    weights = [
        Weights(file=file, urls=[f"{url}/{file}" for url in urls], **digests(data))
        for file, data in files.items()
    ]
    fields = {"plugin": "toy", "targets": ["vocals"], "sample_rate": 44100} | more
    return ModelCard(name=name, weights=weights, **fields)


@dataclass
class Toy:
    """A plugin for tests: it loads nothing and returns what it was given."""

    its_cards: tuple[ModelCard, ...] = ()

    def cards(self) -> tuple[ModelCard, ...]:
        return self.its_cards

    def load(self, card: ModelCard, weights: Any, targets: Any, device: str) -> Any:
        return {"card": card, "weights": weights, "targets": targets, "device": device}


def entry(plugin: object, name: str = "toy", distribution: str = "toy-package") -> EntryPoint:
    """An entry point that loads this very object."""

    class Fixed(EntryPoint):
        def load(self) -> object:
            if isinstance(plugin, BaseException):
                raise plugin
            return plugin

    value = "unmixcli.x:plugin" if distribution == "unmixcli" else "toy:plugin"
    fixed = Fixed(name, value, "unmixcli.models")
    vars(fixed)["dist"] = type("Dist", (), {"name": distribution})()
    return fixed


@pytest.fixture
def store(home: Path) -> Store:
    return Store(policy=IMPATIENT)


class Events(list[FetchEvent]):
    """A report that remembers what it was told."""

    def __call__(self, event: FetchEvent) -> None:
        self.append(event)

    @property
    def notes(self) -> list[str]:
        return [event.note for event in self if event.note]
