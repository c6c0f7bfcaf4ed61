"""The models: listed, planned, licences accepted, fetched, checked and removed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studios import MODEL, add, song, until
from unmixcli.errors import ModelError
from unmixcli.options.config import GoalName
from unmixcli.studio.models import LicenceError
from unmixcli.studio.records import Wish
from unmixcli.studio.studio import Studio

RESTRICTED = "umxl"
"""A model whose licence restricts its use."""


def test_models_are_listed_with_what_people_ask_for(client: TestClient) -> None:
    models = {model["name"]: model for model in client.get("/api/models").json()}
    own = models[MODEL]
    assert own["here"] and own["built_in"] and own["licence"]
    assert not models[RESTRICTED]["here"] and models[RESTRICTED]["restriction"]
    assert models["htdemucs"]["size"] > 1e6 and models["htdemucs"]["quality"] > 5


def test_a_plan_for_every_goal_without_torch(client: TestClient) -> None:
    """The page asks at every click; torch takes seconds to import."""
    before = "torch" in sys.modules
    goals = [goal["name"] for goal in client.get("/api/goals").json()]
    assert goals == list(GoalName.__args__)  # type: ignore[attr-defined]
    for goal in goals:
        for effort in ("fast", "best"):
            plan = client.get("/api/plan", params={"goal": goal, "effort": effort}).json()
            assert plan["name"] and plan["licence"], plan
    assert ("torch" in sys.modules) == before


@pytest.mark.parametrize(
    "query",
    [
        "", "goal=x", "goal=stems&model=umxhq", "model=", "model=/etc/passwd", "model=../x",
        "model=./", "model=umx-synth%2Bumx-synth", "goal=stems&effort=x", "model=no-such-model",
    ],
)  # fmt: skip
def test_a_wish_that_makes_no_sense(client: TestClient, query: str) -> None:
    """A model is a name in the catalogue, never a path."""
    answer = client.get(f"/api/plan?{query}")
    assert answer.status_code in (409, 422) and answer.json()["error"]


def test_a_restriction_is_accepted_first(
    client: TestClient, studio: Studio, tmp_path: Path
) -> None:
    plan = client.get("/api/plan", params={"model": RESTRICTED}).json()
    assert plan["must_accept"]
    found = add(client, song(tmp_path / "a.flac", 0.05))
    jobs = f"/api/songs/{found['id']}/jobs"
    refused = client.post(jobs, json={"model": RESTRICTED})
    assert refused.status_code == 409
    assert refused.json()["model"] == RESTRICTED and refused.json()["restriction"]
    assert client.get(f"/api/songs/{found['id']}").json()["jobs"] == []
    assert client.post(f"/api/models/{RESTRICTED}/fetch", json={}).status_code == 409
    with pytest.raises(LicenceError):
        studio.models.allow(Wish(model=RESTRICTED), accept=False)
    studio.models.allow(Wish(model=RESTRICTED), accept=True)
    assert not client.get("/api/plan", params={"model": RESTRICTED}).json()["must_accept"]


def test_fetching_tells_how_it_ends(client: TestClient, studio: Studio) -> None:
    """Without a network it ends with a sentence."""
    seen: list[dict] = []
    studio.models._publish = lambda kind, data: seen.append(data)
    assert client.post("/api/models/umxse/fetch", json={}).status_code == 202
    until(lambda: seen and seen[-1].get("over"))
    assert "UNMIX_OFFLINE" in seen[-1]["error"]
    assert not {m["name"]: m for m in client.get("/api/models").json()}["umxse"]["fetching"]


def test_checking_and_removing(client: TestClient, studio: Studio) -> None:
    assert client.post(f"/api/models/{MODEL}/verify").json()["good"]
    checked = client.post("/api/models/htdemucs/verify").json()
    assert not checked["good"] and checked["files"][0]["status"] == "missing"
    place = studio.models._registry.store.folder(studio.models.named("htdemucs").card)
    place.mkdir(parents=True)
    file = checked["files"][0]["file"]
    (place / file).write_bytes(b"x" * 1000)
    assert client.post("/api/models/htdemucs/verify").json()["files"][0]["status"] == "damaged"
    assert client.delete("/api/models/htdemucs").json()["freed"] == 1000
    assert not (place / file).exists()
    assert client.delete("/api/models/six-stems").status_code == 409  # it has no files of its own
    assert client.delete(f"/api/models/{MODEL}").json()["freed"] == 0
    for name in ("no-such-model", "..%2f..", "%2fetc%2fpasswd"):
        assert client.delete(f"/api/models/{name}").status_code in (404, 405, 409)
        with pytest.raises(ModelError):
            studio.models.named(name)


def test_the_document_describes_every_route(client: TestClient) -> None:
    from unmixcli.studio.api import Api

    paths = client.get("/api/openapi.json").json()["paths"]
    routes = {route.path for route in Api(None).routes()}  # type: ignore[arg-type]
    assert set(paths) == routes - {"/api/openapi.json", "/api/songs/{id}/cover"}
