"""Addresses are checked without downloading: what each kind of answer means."""

from __future__ import annotations

import threading

import pytest

import server as web
from toys import IMPATIENT, card_for, some_bytes
from unmixcli.models.cards import Weights
from unmixcli.models.store.links import PARALLEL, check_links

DATA = some_bytes(1000)
GOOD = "/a/v.pth"


@pytest.fixture
def check(server):
    server.files[GOOD] = DATA

    def check(**about):
        fields = about or {"size": 1000}
        weights = Weights(file="v.pth", urls=[server.url(GOOD)], **fields)
        card = card_for({})
        (link,) = check_links([(card, weights)], IMPATIENT)
        return link

    return check


def sent(server, method):
    return [request for request in server.requests if request.method == method]


def test_a_good_address_costs_one_head(check, server):
    link = check()
    assert (link.status, link.size, link.reason) == ("ok", 1000, "")
    assert len(server.requests) == len(sent(server, "HEAD")) == 1


@pytest.mark.parametrize("refusal", [web.status(405), web.status(403), web.status(501)])
def test_without_head_one_byte_is_asked_for(check, server, refusal):
    server.script[f"HEAD {GOOD}"] = [refusal]
    link = check()
    assert (link.status, link.size) == ("ok", 1000)
    (request,) = sent(server, "GET")
    assert request.headers["range"] == "bytes=0-0" and request.status == 206


def test_a_server_without_ranges_is_not_read(check, server):
    server.script[f"HEAD {GOOD}"] = [web.status(405)]
    server.script[GOOD] = [web.without_ranges]
    assert check().status == "ok"


def test_missing(check, server):
    server.files.clear()
    link = check()
    assert link.status == "missing" and "404" in link.reason and not link.good


def test_a_login_page_is_not_the_file(check, server):
    page = web.other(b"<html>", Content_Type="text/html")
    server.script[f"HEAD {GOOD}"] = [web.status(405)] * 2
    server.script[GOOD] = [page, page]
    link = check()
    assert link.status == "missing" and "web page" in link.reason


def test_no_answer_and_one_more_try(check, server):
    server.script[f"HEAD {GOOD}"] = [web.hang]
    assert check().status == "ok"
    server.script[f"HEAD {GOOD}"] = [web.hang, web.hang]
    link = check()
    assert link.status == "missing" and "stopped answering" in link.reason


@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({"size": 999}, "wrong size"),
        ({"about_size": 950}, "ok"),
        ({"about_size": 700}, "wrong size"),
        ({"about_size": None}, "ok"),
    ],
)
def test_sizes(check, about, status):
    link = check(**about)
    assert link.status == status and link.size == 1000
    assert ("1,000 bytes instead of" in link.reason) == (status == "wrong size")


def test_moved_for_good_or_for_now(check, server):
    server.files["/b"] = DATA
    server.script[f"HEAD {GOOD}"] = [web.status(301, Location="/b")]
    link = check()
    assert link.status == "moved" and link.good and link.reason == f"now at {server.url('/b')}"
    server.script[f"HEAD {GOOD}"] = [web.redirect("/b")]
    assert check().status == "ok"


def test_redirects_that_lead_nowhere(check, server):
    loop = [web.redirect(GOOD)] * 20
    server.script[f"HEAD {GOOD}"] = loop
    assert "redirects too often" in check().reason
    server.script[f"HEAD {GOOD}"] = [web.redirect("http://example.org/x")]
    assert "without TLS" in check().reason


def test_many_at_once_but_not_too_many(server):
    counts: list[int] = []
    busy, lock = set(), threading.Lock()

    def slow(handler, data):
        with lock:
            busy.add(id(handler))
            counts.append(len(busy))
        server.released.wait(0.05)
        with lock:
            busy.discard(id(handler))
        handler.head(200, 10)

    names = [f"{k}.pth" for k in range(20)]
    server.script |= {f"HEAD /{name}": [slow] for name in names}
    card = card_for(dict.fromkeys(names, b"0123456789"), server.address)
    told = []
    links = check_links(
        [(card, weights) for weights in card.weights], IMPATIENT, lambda *n: told.append(n)
    )
    assert [link.weights.file for link in links] == names
    assert {link.status for link in links} == {"ok"}
    assert 1 < max(counts) <= PARALLEL
    assert told[-1] == (20, 20)
