"""Who is let in: hosts, origins, tokens, passwords, and what answers carry."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from unmixcli.studio.access import POLICY, Access
from unmixcli.studio.app import make_app
from unmixcli.studio.studio import Studio

SECRET = "correct horse"


def open_(client: TestClient, access: Access) -> None:
    """Come as a browser does: by the address with the token."""
    assert client.get(f"/?token={access.token}").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8459", "127.0.0.1.evil.example", "localhost.evil.example",
        "192.168.1.7:8459", "8.8.8.8", "0.0.0.0:8459", "", "[::ffff:8.8.8.8]:8459",
        "127.0.0.1@evil", "2130706433", "LOCALHOST.",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    """A name that is made to point here: DNS rebinding."""
    answer = client.get("/api/songs", headers={"host": host})
    assert answer.status_code == 403
    assert "count" not in answer.json()


@pytest.mark.parametrize("host", ["127.0.0.1:8459", "localhost:8459", "[::1]:9", "127.0.0.1"])
def test_this_machine_is_let_in(client: TestClient, host: str) -> None:
    assert client.get("/api/songs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "https://evil.example:8459", "null", "http://127.0.0.1:8460",
        "http://127.0.0.1", "http://localhost:8459", "http://127.0.0.1:8459.evil.example", "",
        "file://", "http://127.0.0.1:8459@evil.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_origins_are_refused(client: TestClient, origin: str, method: str) -> None:
    answer = client.request(method, "/api/songs/1", headers={"origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_even_embed(client: TestClient, site: str) -> None:
    for path in ("/api/songs/1/cover", "/static/main.js", "/listen/1/"):
        headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
        assert client.get(path, headers=headers).status_code == 403
    # A link to the page itself may be followed.
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 401


def test_no_answer_lets_other_origins_read(client: TestClient) -> None:
    asked = client.options(
        "/api/songs",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert asked.status_code == 403
    for answer in (asked, client.get("/api/songs"), client.get("/static/main.js")):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/api/songs", "/api/events", "/api/status", "/api/models", "/api/openapi.json",
        "/api/songs/1/cover", "/listen/1/", "/listen/1/vocals.flac", "/api/exports/1", "/nothing",
    ],
)  # fmt: skip
def test_without_the_token_nothing_is_told(stranger: TestClient, path: str) -> None:
    for authorization in ("", "Bearer", "Bearer wrong", "Basic Ondyb25n", "Bearer \xff"):
        answer = stranger.get(path, headers={"authorization": authorization.encode("latin-1")})
        assert answer.status_code == 401
        assert list(answer.json()) == ["error"]


def test_the_address_gives_a_cookie_that_scripts_cannot_read(
    stranger: TestClient, access: Access
) -> None:
    assert stranger.get("/").status_code == 401
    answer = stranger.get("/?token=wrong")
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    answer = stranger.get(f"/?token={access.token}")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert access.token not in answer.headers["set-cookie"]
    assert stranger.get("/api/songs").status_code == 200
    assert stranger.get("/").status_code == 200


def test_a_cookie_alone_does_not_change_anything(stranger: TestClient, access: Access) -> None:
    """A browser always says where a request comes from that changes something."""
    open_(stranger, access)
    assert stranger.delete("/api/songs/1").status_code == 403
    own = {"origin": "http://127.0.0.1:8459"}
    assert stranger.delete("/api/songs/1", headers=own).status_code == 404


def test_a_foreign_cookie_is_none(stranger: TestClient, access: Access) -> None:
    for value in ("wrong", access.token, "", '"', "a=b; ;", "\x7f" * 5000):
        headers = {"cookie": f"{access.cookie}={value}"}
        assert stranger.get("/api/songs", headers=headers).status_code == 401


def test_every_answer_has_the_policy(client: TestClient) -> None:
    for path in ("/", "/api/songs", "/static/main.js", "/nothing", "/favicon.ico"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    assert client.get("/", headers={"host": "evil.example"}).headers["x-content-type-options"]
    assert "unsafe" not in POLICY and "*" not in POLICY and "http" not in POLICY


@pytest.fixture
def network(studio: Studio) -> TestClient:
    access = Access(SECRET, names=["box", "music.example"], port=8459)
    with TestClient(make_app(studio, access), base_url="http://192.168.1.7:8459") as client:
        yield client


def test_in_a_network_the_password_opens(network: TestClient) -> None:
    own = {"origin": "http://192.168.1.7:8459"}
    page = network.get("/")
    assert page.status_code == 401 and "login.js" in page.text
    wrong = network.post("/api/login", json={"password": "wrong"}, headers=own)
    assert wrong.status_code == 403 and "set-cookie" not in wrong.headers
    assert network.get("/api/songs").status_code == 401
    assert network.post("/api/login", json={"password": SECRET}, headers=own).status_code == 200
    assert network.get("/api/songs").status_code == 200


def test_in_a_network_programs_send_the_password(network: TestClient) -> None:
    right = {"authorization": f"Bearer {SECRET}"}
    assert network.get("/api/songs", headers=right).status_code == 200
    assert network.get("/api/songs", headers={"authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"password": 1}', b"[" * 70000, b"\xff"])
def test_nonsense_is_not_a_password(network: TestClient, body: bytes) -> None:
    own = {"origin": "http://192.168.1.7:8459"}
    assert network.post("/api/login", content=body, headers=own).status_code in (403, 422)


def test_in_a_network_names_have_to_be_known(network: TestClient) -> None:
    """An address cannot be made to point elsewhere; a name can."""
    expected = {"box:8459": 401, "music.example": 401, "10.0.0.1": 401, "evil.example": 403}
    for host, status in expected.items():
        assert network.get("/api/songs", headers={"host": host}).status_code == status


def test_without_a_password_none_opens(stranger: TestClient) -> None:
    own = {"origin": "http://127.0.0.1:8459"}
    for password in ("", "None", "null"):
        answer = stranger.post("/api/login", json={"password": password}, headers=own)
        assert answer.status_code == 403
