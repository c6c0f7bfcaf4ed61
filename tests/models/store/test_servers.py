"""Servers that say odd things: one sentence or the next mirror, and the next run works."""

from __future__ import annotations

from dataclasses import replace

import pytest

import server as web
from server import Behaviour, Handler, Server
from toys import IMPATIENT, Events, card_for, some_bytes
from unmixcli.errors import FetchError
from unmixcli.models.cards import ModelCard
from unmixcli.models.store import Store
from unmixcli.models.store.fault import _retry_after

DATA = some_bytes(50_000)
FILE = "/tiny.pth"


def answer(code: int, reason: str | None = None, **headers: str) -> Behaviour:
    def behave(handler: Handler, data: bytes) -> None:
        handler.send_response(code, reason)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


ODD = {
    "Retry-After in superscript": answer(503, Retry_After="²"),
    "Retry-After in another script": answer(503, Retry_After="\xb3\xb9"),
    "Retry-After for ever": answer(503, Retry_After="9" * 5000),
    "Retry-After in a year of 20 digits": answer(
        503, Retry_After=f"Wed, 21 Oct {'9' * 20} 07:28:00 GMT"
    ),
    "Retry-After on no day": answer(503, Retry_After="Wed, 99 Oct 2026 99:28:00 -9999"),
    "a range of 5,000 digits": answer(206, Content_Range=f"bytes {'1' * 5000}-2/3"),
    "a range in superscript": answer(206, Content_Range="bytes ²-³/³"),
    "a host with an empty label": answer(302, Location="https://a..b/tiny.pth"),
    "a host with a label of 70 letters": answer(302, Location=f"https://{'a' * 70}.b/tiny.pth"),
    "a host in no script": answer(302, Location="https://\xad\xb7\xff/tiny.pth"),
    "a host that is half an address": answer(302, Location="https://[::1/tiny.pth"),
    "a port that no machine has": answer(302, Location="https://a.b:99999999/tiny.pth"),
    "a punycode that is none": answer(302, Location="https://xn--\x7f/tiny.pth"),
    "no host at all": answer(302, Location="https:///"),
    "a status of its own": answer(999),
}


@pytest.mark.parametrize("fault", ODD)
def test_the_next_mirror_is_asked(server: Server, store: Store, fault: str) -> None:
    server.files["/good" + FILE] = DATA
    card = card_for({"tiny.pth": DATA}, server.url("/bad"), server.url("/good"))
    server.script["/bad" + FILE] = [ODD[fault]] * 9
    assert store.ensure(card, card.weights)["tiny.pth"].read_bytes() == DATA


@pytest.mark.parametrize("fault", ODD)
def test_without_a_mirror_it_is_one_sentence(server: Server, store: Store, fault: str) -> None:
    server.files[FILE] = DATA
    card = card_for({"tiny.pth": DATA}, server.address)
    server.script[FILE] = [ODD[fault]] * 9
    with pytest.raises(FetchError) as caught:
        store.ensure(card, card.weights)
    assert server.url(FILE) in str(caught.value) and len(str(caught.value)) < 800


def test_seconds_and_dates() -> None:
    assert _retry_after("12") == _retry_after(" 12 ") == 12
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _retry_after("Wed, 21 Oct 9998 07:28:00 GMT") == _retry_after("9" * 5000)


@pytest.mark.parametrize("name", ["ETag", "Last_Modified"])
def test_a_validator_that_cannot_be_sent_back(server: Server, store: Store, name: str) -> None:
    """It once blocked every later fetch: the header could not be encoded."""
    server.files[FILE] = DATA
    card = card_for({"tiny.pth": DATA}, server.address)

    def half(handler: Handler, data: bytes) -> None:
        handler.head(200, len(data), **{name: '"\xe9\xff"'})
        handler.wfile.write(data[:20_000])
        handler.drop()

    server.script[FILE] = [half]
    assert store.ensure(card, card.weights)["tiny.pth"].read_bytes() == DATA


def test_a_reason_cannot_control_the_terminal(server: Server, store: Store) -> None:
    server.files[FILE] = DATA
    card = card_for({"tiny.pth": DATA}, server.address)
    server.script[FILE] = [answer(404, "\x1b[2J" + "x" * 900)]
    with pytest.raises(FetchError) as caught:
        store.ensure(card, card.weights)
    assert str(caught.value).isprintable() and "x" * 100 not in str(caught.value)


def endless(size: int) -> Behaviour:
    def behave(handler: Handler, data: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(size // 50_000):
            handler.wfile.write(DATA)
        handler.close_connection = True

    return behave


@pytest.mark.parametrize("about", [60_000, None])
def test_an_endless_body_does_not_fill_the_disk(
    server: Server, home: object, about: int | None
) -> None:
    store = Store(policy=replace(IMPATIENT, largest=120_000))
    card = card_for({"tiny.pth": DATA}, server.address, known="nothing")
    weights = card.weights[0].model_copy(update={"about_size": about})
    card = card.model_copy(update={"weights": (weights,)})
    server.files[FILE] = DATA
    server.script[FILE] = [endless(10**8)] * 9
    with pytest.raises(FetchError, match=r"more came than the 120,000 bytes that it can have"):
        store.ensure(card, card.weights)
    assert sum(path.stat().st_size for path in store.folder(card).iterdir()) < 1000
    server.script[FILE] = [web.other(bytes(130_000))] * 9
    with pytest.raises(FetchError, match=r"130,000 bytes where 120,000 at most can be right"):
        store.ensure(card, card.weights)


@pytest.mark.parametrize(
    ("known", "words"),
    [("prefix", "only 8 digits of its SHA-256 are"), ("nothing", "no digest of it is")],
)
def test_what_is_not_known_of_a_file_is_said_once(
    server: Server, store: Store, known: str, words: str
) -> None:
    server.files[FILE] = DATA
    card: ModelCard = card_for({"tiny.pth": DATA}, server.address, known=known)
    events = Events()
    store.ensure(card, card.weights, report=events)
    assert [note for note in events.notes if words in note]
    again = Events()
    store.fetch([(card, card.weights[0])], force=True, report=again)
    assert not again.notes
    whole = Events()
    store.remove(card)
    other = card_for({"tiny.pth": DATA}, server.address, name="whole")
    store.ensure(other, other.weights, report=whole)
    assert not whole.notes
