"""`unmix studio`, the command: what it refuses, in one sentence."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from running import Run
from unmixcli.studio.library import Library


def test_without_its_extra_it_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else real(name)
    )
    outcome = run("studio")
    assert outcome.code == 2 and "pip install 'unmixcli[studio]'" in outcome.error


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_others_are_not_let_in_without_a_password(run: Run, host: str) -> None:
    outcome = run("studio", "--host", host, "--no-browser")
    assert outcome.code == 2
    assert "--password" in outcome.error and "TLS" in outcome.error


def test_a_port_that_is_taken(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = run("studio", "--port", port, "--no-browser")
    assert outcome.code == 1 and "choose another --port" in outcome.error


def test_an_address_that_is_not_this_machine_s(run: Run) -> None:
    outcome = run("studio", "--host", "192.0.2.1", "--password", "x", "--no-browser")
    assert outcome.code == 1 and "cannot be used" in outcome.error


def test_a_library_that_is_open(run: Run, tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    outcome = run("studio", "--port", 0, "--library", library.root, "--no-browser")
    assert outcome.code == 1 and "another studio" in outcome.error
    library.close()
