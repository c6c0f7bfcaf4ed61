"""Which model is used if the user names none."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from server import Server
from toys import Toy, card_for, entry
from unmixcli.errors import ModelError
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.default import choose_model
from unmixcli.models.registry import Registry
from unmixcli.models.store import Store

DATA = b"weights that separate well" * 99


def registry(store: Store, *urls: str, box: bool = True) -> Registry:
    """Umxhq from some addresses, and a built-in model."""
    preferred = card_for({"a.pth": DATA}, *urls, name="umxhq", plugin="openunmix")
    own = ModelCard(
        name="umx-synth",
        plugin="openunmix",
        targets=["vocals"],
        sample_rate=44100,
        weights=[Weights(file="box.bin", package_file="unmixcli:__init__.py")],
    )
    plugin = Toy((preferred, own) if box else (preferred,))
    return Registry(store, [entry(plugin, "openunmix", "unmixcli")])


def test_a_named_model_is_never_replaced(store: Store) -> None:
    nowhere = registry(store, "http://127.0.0.1:9")
    assert choose_model(nowhere, "umxhq") == "umxhq"
    assert choose_model(nowhere, "./folder") == "./folder"


def test_fetched_when_it_can_be(store: Store, server: Server) -> None:
    server.files["/a.pth"] = DATA
    known = registry(store, server.address)
    assert choose_model(known, "auto") == "umxhq"
    card = known.resolve("umxhq").card
    found = store.place(card, card.weights[0]).final
    assert hashlib.sha256(found.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    asked = len(server.requests)
    assert choose_model(known, "auto") == "umxhq"
    assert choose_model(known, "auto", offline=True) == "umxhq"
    assert len(server.requests) == asked


def test_the_box_where_it_cannot_be_fetched(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    assert choose_model(registry(store, "http://127.0.0.1:9"), "auto") == "umx-synth"
    assert "using the built-in model umx-synth" in caplog.text
    assert "could not be downloaded: the connection was refused" in caplog.text
    assert "unmix models fetch umxhq" in caplog.text


def test_the_box_where_the_network_is_off_limits(
    store: Store, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a.pth"] = DATA
    assert choose_model(registry(store, server.address), "auto", offline=True) == "umx-synth"
    assert "downloads are off" in caplog.text
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    assert choose_model(registry(store, server.address), "auto") == "umx-synth"
    assert not server.requests


def test_the_box_where_the_proxy_is_nonsense(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    assert choose_model(registry(store, "http://127.0.0.1:9"), "auto") == "umx-synth"
    assert "proxy settings are invalid" in caplog.text


def test_a_failure_is_remembered_for_a_while(
    store: Store, server: Server, caplog: pytest.LogCaptureFixture, home: Path
) -> None:
    known = registry(store, server.address)  # where the file is missing
    assert choose_model(known, "auto") == "umx-synth"
    asked = len(server.requests)
    assert asked
    server.files["/a.pth"] = DATA
    caplog.clear()
    assert choose_model(known, "auto") == "umx-synth"
    assert len(server.requests) == asked
    assert "s ago (the server answers 404 Not Found); --online tries again" in caplog.text
    assert choose_model(known, "auto", offline=False) == "umxhq"
    note = home / "weights" / ".unreachable"
    assert note.exists()


def test_an_old_failure_is_forgotten(store: Store, server: Server, home: Path) -> None:
    known = registry(store, server.address)
    assert choose_model(known, "auto") == "umx-synth"
    server.files["/a.pth"] = DATA
    note = home / "weights" / ".unreachable"
    long_ago = note.stat().st_mtime - 3601
    os.utime(note, (long_ago, long_ago))
    assert choose_model(known, "auto") == "umxhq"


def test_no_box_is_no_excuse(store: Store) -> None:
    assert choose_model(registry(store, "http://127.0.0.1:9", box=False), "auto") == "umxhq"


def test_a_target_that_neither_has(store: Store) -> None:
    assert choose_model(registry(store, "http://127.0.0.1:9"), "auto", ["piano"]) == "umxhq"


def test_a_store_that_cannot_be_written_is_told(store: Store, server: Server, home: Path) -> None:
    server.files["/a.pth"] = DATA
    home.write_text("a file where the folder should be")
    with pytest.raises(ModelError):
        choose_model(registry(store, server.address), "auto")
