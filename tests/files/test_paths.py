"""Where things are kept, and what the environment says."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from unmixcli.files import paths


def test_home_overrides_all(monkeypatch, tmp_path):
    monkeypatch.setenv("UNMIX_HOME", str(tmp_path / "h"))
    assert paths.weights_dir() == tmp_path / "h" / "weights"
    assert paths.user_catalogue() == tmp_path / "h" / "models.toml"
    monkeypatch.setenv("UNMIX_HOME", "~/h")
    assert paths.data_dir() == Path("~/h").expanduser()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNMIX_HOME", "h")
    assert paths.data_dir() == tmp_path / "h"


@pytest.mark.parametrize("value", [None, "", " "])
def test_without_home(monkeypatch, value):
    monkeypatch.delenv("UNMIX_HOME")
    if value is not None:
        monkeypatch.setenv("UNMIX_HOME", value)
    assert paths.data_dir() == platformdirs.user_data_path("unmixcli", appauthor=False)
    assert paths.config_dir() == platformdirs.user_config_path("unmixcli", appauthor=False)


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)]
)
def test_offline(monkeypatch, value, offline):
    monkeypatch.setenv("UNMIX_OFFLINE", value)
    assert paths.offline() is offline


def test_online_by_default():
    assert paths.offline() is False
