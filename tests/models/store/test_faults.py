"""All failures of a download: the message to the user, and that the next run works."""

from __future__ import annotations

import socket
import subprocess
from types import SimpleNamespace

import pytest

import server as web
from server import Server
from toys import TINY, Events, card_for, some_bytes, tiny
from unmixcli.errors import FetchError, ModelError
from unmixcli.models.store import Store

DATA = TINY
HALF = len(DATA) // 2
FILE = "/tiny.pth"


def ensure(store: Store, card, **how) -> bytes:
    return store.ensure(card, card.weights, **how)["tiny.pth"].read_bytes()


def assert_no_file(store: Store, card) -> None:
    """Nothing has a final name."""
    folder = store.folder(card)
    assert not folder.exists() or [p for p in folder.iterdir() if p.name[0] != "."] == []


PASSING = {
    "500 then fine": [web.status(500)],
    "503 twice then fine": [web.status(503), web.status(503)],
    "429 with Retry-After": [web.status(429, Retry_After="1")],
    "a hang before the headers": [web.hang],
    "a stall in the middle": [web.stall(HALF)],
    "a connection cut at half": [web.cut(HALF)],
    "a cut before the first byte": [web.cut(0)],
    "a wrong byte once": [web.wrong_byte],
    "a server without ranges": [web.cut(HALF), web.without_ranges],
    "more bytes than the file has": [web.endless],
    "a log-in page": [web.other(b"<html>", Content_Type="text/html")],
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("known", ["sha256", "sha512", "prefix"])
def test_passing_fault_costs_a_retry(server, store, fault, known):
    card = tiny(server, known=known)
    server.script[FILE] = list(PASSING[fault])
    assert ensure(store, card) == DATA
    assert [p.name for p in store.folder(card).iterdir() if p.suffix in (".part", ".json")] == []


LASTING = {
    "404": (web.status(404), "the server answers 404 Not Found", 1),
    "403": (web.status(403), "the server answers 403 Forbidden", 1),
    "500": (web.status(500), "the server answers 500 Internal Server Error", 3),
    "429 for an hour": (
        web.status(429, Retry_After="3600"),
        "429 Too Many Requests (try again in 3600 s)",
        1,
    ),
    "a hang before the headers": (web.hang, "the server stopped answering", 3),
    "a connection cut": (web.cut(0), "the connection was lost", 3),
    "a wrong length": (
        web.other(DATA + b"0"),
        "the file there has 300,001 bytes instead of 300,000",
        1,
    ),
    "a wrong byte": (web.wrong_byte, "the file it sends has the SHA-256", 2),
    "a redirect without end": (web.redirect(FILE), "it redirects too often", 5),
    "a redirect to http": (
        web.redirect("http://example.invalid/tiny.pth"),
        "it redirects to http://example.invalid, without TLS",
        1,
    ),
    "a web page": (
        web.other(b"<html>", Content_Type="text/html"),
        "the server sent a web page",
        3,
    ),
}


@pytest.mark.parametrize("fault", LASTING)
def test_lasting_fault_is_one_sentence_and_leaves_nothing(server, store, fault):
    card = tiny(server)
    behaviour, words, tries = LASTING[fault]
    server.script[FILE] = [behaviour] * 20
    with pytest.raises(FetchError) as caught:
        ensure(store, card)
    text = str(caught.value)
    assert words in text and server.url(FILE) in text and "\n" not in text
    assert "HTTPS_PROXY" in text and "unmix models add tiny.pth" in text
    assert caught.value.exit_code == 3
    assert len(server.requests) == tries
    assert_no_file(store, card)
    # And the next run works.
    server.script.clear()
    assert ensure(store, card) == DATA


def test_connection_refused(store):
    with socket.socket() as taken:  # bound and not listening: nobody else takes the port
        taken.bind(("127.0.0.1", 0))
        card = card_for({"tiny.pth": DATA}, f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(FetchError, match=r"the connection was refused"):
            ensure(store, card)


def test_name_that_does_not_resolve(store):
    card = card_for({"tiny.pth": DATA}, "https://host.invalid")
    with pytest.raises(FetchError, match=r"the host name cannot be resolved"):
        ensure(store, card)


def test_certificate_that_nobody_signed(store, certificate, monkeypatch):
    server = Server().start(certificate)
    try:
        card = tiny(server)
        with pytest.raises(FetchError, match=r"cannot be trusted \(self.signed.*SSL_CERT_FILE"):
            ensure(store, card)
        assert_no_file(store, card)
        # As a company does that has a certificate authority of its own.
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ensure(store, card) == DATA
    finally:
        server.stop()


def test_no_way_down_from_https_to_http(server, store, certificate, monkeypatch):
    """Not even to this machine, where plain http is otherwise allowed."""
    secure = Server().start(certificate)
    try:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        card = tiny(secure)
        server.files[FILE] = DATA
        secure.script[FILE] = [web.redirect(server.url(FILE))]
        with pytest.raises(FetchError, match=r"redirects to http://127.0.0.1, without TLS"):
            ensure(store, card)
        assert server.requests == []
    finally:
        secure.stop()


def test_not_tls_at_all(server, store):
    card = card_for({"tiny.pth": DATA}, server.address.replace("http:", "https:"))
    with pytest.raises(FetchError, match=r"the TLS connection failed"):
        ensure(store, card)


def test_resume_asks_for_the_rest_only(server, store):
    card = tiny(server)
    server.script[FILE] = [web.cut(HALF)]
    assert ensure(store, card) == DATA
    first, second = server.requests
    assert "range" not in first.headers
    assert second.headers["range"] == f"bytes={HALF}-"
    assert second.headers["if-range"] == web.etag(DATA)
    assert second.status == 206


def test_a_later_run_resumes(server, store):
    card = tiny(server)
    server.script[FILE] = [web.cut(1000), web.cut(1000), web.cut(1000)]
    with pytest.raises(FetchError):
        ensure(store, card)
    assert ensure(store, card) == DATA
    assert server.requests[-1].headers["range"] == "bytes=3000-"


def test_a_file_that_changed_between_two_tries(server, store):
    """The half that is there is of another file; If-Range makes the server start over."""
    card = tiny(server)
    server.files[FILE] = some_bytes(len(DATA), seed=1)
    server.script[FILE] = [web.cut(HALF), web.status(404)]
    with pytest.raises(FetchError):
        ensure(store, card)
    server.files[FILE] = DATA
    assert ensure(store, card) == DATA
    assert server.requests[-1].status == 200


def test_a_changed_file_from_a_server_that_ignores_if_range(server, store):
    card = tiny(server)
    server.files[FILE] = some_bytes(len(DATA), seed=1)
    server.script[FILE] = [web.cut(HALF), web.status(404)]
    with pytest.raises(FetchError):
        ensure(store, card)
    server.files[FILE] = DATA
    server.script[FILE] = [web.cut(len(DATA))]  # 206 whatever the validator
    assert ensure(store, card) == DATA


def test_a_partial_file_that_is_longer_than_the_file(server, store):
    card = tiny(server, known="sha512")
    place = store.place(card, card.weights[0])
    place.folder.mkdir(parents=True)
    place.part.write_bytes(DATA + b"more")
    assert ensure(store, card) == DATA
    assert [request.status for request in server.requests] == [416, 200]


@pytest.mark.parametrize("known", ["sha256", "prefix"])
def test_a_whole_partial_file_needs_no_request(server, store, known):
    """As after a power cut between the last byte and the renaming."""
    card = tiny(server, known=known)
    place = store.place(card, card.weights[0])
    place.folder.mkdir(parents=True)
    place.part.write_bytes(DATA)
    assert ensure(store, card) == DATA
    assert server.requests == []


def test_a_slow_line_that_keeps_moving_is_not_given_up(server, store):
    """Six cuts, more than there are rounds, with progress each time."""
    big = some_bytes(9_000_000)
    server.files["/big.pth"] = big
    server.script["/big.pth"] = [web.cut(1_300_000)] * 6
    card = card_for({"big.pth": big}, server.address)
    assert store.ensure(card, card.weights)["big.pth"].read_bytes() == big
    assert len(server.requests) == 7


def test_mirrors_in_order(server, store):
    server.files |= {"/a/tiny.pth": DATA, "/b/tiny.pth": DATA, "/c/tiny.pth": DATA}
    server.script = {"/a/tiny.pth": [web.status(404)], "/b/tiny.pth": [web.cut(HALF)]}
    card = card_for({"tiny.pth": DATA}, *(server.url(f"/{m}") for m in "abc"))
    assert ensure(store, card) == DATA
    assert [request.path[1] for request in server.requests] == ["a", "b", "c"]
    # The third went on where the second was cut: the digest shows that they fit.
    assert server.requests[-1].headers["range"] == f"bytes={HALF}-"
    assert "if-range" not in server.requests[-1].headers


def test_every_mirror_is_named_when_all_fail(server, store):
    server.script = {"/a/tiny.pth": [web.status(404)], "/b/tiny.pth": [web.status(403)]}
    card = card_for({"tiny.pth": DATA}, server.url("/a"), server.url("/b"))
    with pytest.raises(FetchError) as caught:
        ensure(store, card)
    for words in ("/a/tiny.pth: the server answers 404", "/b/tiny.pth: the server answers 403"):
        assert words in str(caught.value)


def test_retry_after_is_obeyed(server, store):
    card = tiny(server)
    server.script[FILE] = [web.status(429, Retry_After="1")]
    events = Events()
    ensure(store, card, report=events)
    assert events.notes == [
        "tiny.pth: the server answers 429 Too Many Requests (try again in 1 s); trying again in 1 s"
    ]


def test_a_mirror_that_wants_a_rest_gets_it(server, store):
    """While the other one is tried again and again."""
    server.script = {
        "/a/tiny.pth": [web.status(503, Retry_After="3")],
        "/b/tiny.pth": [web.status(500)] * 9,
    }
    card = card_for({"tiny.pth": DATA}, server.url("/a"), server.url("/b"))
    with pytest.raises(FetchError):
        ensure(store, card)
    assert [request.path[1] for request in server.requests] == ["a", "b", "b", "b"]


def test_an_empty_answer_is_no_file(server, store):
    card = card_for({"tiny.pth": DATA}, server.address, known="nothing")
    server.script[FILE] = [web.other(b"")] * 2
    with pytest.raises(FetchError, match=r"the file it sends is empty"):
        ensure(store, card)


def test_a_password_in_an_address_is_not_shown(server, store):
    secret = server.address.replace("//", "//me:secret@")
    server.script[FILE] = [web.status(404)]
    card = card_for({"tiny.pth": DATA}, secret)
    with pytest.raises(FetchError) as caught:
        ensure(store, card)
    assert "secret" not in str(caught.value)
    assert "authorization" in server.requests[0].headers


def test_through_a_proxy(server, store, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.address)
    server.files[FILE] = DATA
    # Nothing listens at port 9: only the proxy can have answered.
    assert ensure(store, card_for({"tiny.pth": DATA}, "http://127.0.0.1:9")) == DATA


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1"])
def test_a_proxy_of_a_kind_that_is_not_known(store, monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ModelError, match=r"proxy settings"):
        ensure(store, card_for({"tiny.pth": DATA}, "https://host.invalid"))


def test_certificates_that_are_not_there(server, store, monkeypatch, tmp_path):
    (tmp_path / "bad.pem").write_text("no certificate")
    for name in ("none.pem", "bad.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(ModelError, match=r"SSL_CERT_FILE"):
            ensure(store, tiny(server))


def test_a_proxy_that_refuses(server, store, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", server.address)  # knows no CONNECT
    with pytest.raises(FetchError, match=r"the proxy refused .*check the proxy"):
        ensure(store, card_for({"tiny.pth": DATA}, "https://host.invalid"))


@pytest.mark.parametrize("known", ["sha256", "sha512"])
def test_a_full_disk(server, store, small_disk, known):
    """Seen beforehand where the length is known, else when it is full."""
    if known == "sha512":
        server.script[FILE] = [web.endless]
    card = tiny(server, known=known)
    small = Store(small_disk / "weights", store.policy)
    with pytest.raises(
        ModelError, match=f"no room in {small_disk}.* for tiny.pth.*free some space"
    ):
        ensure(small, card)
    assert_no_file(small, card)
    assert all(part.stat().st_size == 0 for part in small_disk.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    assert ensure(small, card) == DATA


def test_a_full_disk_without_a_small_one(server, store, monkeypatch):
    card = tiny(server)
    monkeypatch.setattr(
        "unmixcli.models.store.download.disk_usage", lambda path: SimpleNamespace(free=1000)
    )
    with pytest.raises(ModelError, match=r"no room in .* for tiny.pth, which needs"):
        ensure(store, card)
