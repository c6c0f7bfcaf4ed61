"""A studio in this process, reached as a program with the token reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studios import HOST
from unmixcli.studio.access import Access
from unmixcli.studio.app import make_app
from unmixcli.studio.studio import Studio


@pytest.fixture
def access() -> Access:
    return Access(port=8459)


@pytest.fixture
def studio(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    return Studio(tmp_path / "library")


@pytest.fixture
def stranger(studio: Studio, access: Access) -> Iterator[TestClient]:
    """A client without the token."""
    app = make_app(studio, access)
    with TestClient(app, base_url=HOST, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient, access: Access) -> TestClient:
    """A program that has the token."""
    stranger.headers["authorization"] = f"Bearer {access.token}"
    return stranger
