"""The doctor, on a healthy and on a broken installation."""

from __future__ import annotations

import builtins
import json
import re
import warnings
from pathlib import Path

import pytest
import torch
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

from toys import Toy, card_for, entry, some_bytes
from unmixcli import doctor
from unmixcli.cli.app import app
from unmixcli.doctor import examine, formats, holdings, machine, remedies


def run(*args: str):
    result = CliRunner().invoke(app, ["doctor", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def broken(findings) -> list:
    return [finding for finding in findings if finding.status == "broken"]


@pytest.fixture
def models(install):
    """Make the registry know a toy model, with what other entry points are given."""

    def add(*others) -> dict[str, bytes]:
        files = {"v.pth": some_bytes(1000)}
        install(entry(Toy((card_for(files, "https://example.org", name="a"),))), *others)
        return files

    return add


def test_this_installation_is_well():
    code, out = run()
    assert code == 0, out
    for words in (
        "torch",
        "cpu",
        "libsndfile",
        "PyAV",
        "weights",
        "openunmix",
        "nothing is broken",
    ):
        assert words in out
    assert len(out.splitlines()) < 40


def test_json_says_the_same():
    code, out = run("--json")
    found = json.loads(out)
    assert code == 0 and found["healthy"] is True
    assert {finding["area"] for finding in found["findings"]} == set(doctor._AREAS)


def test_what_is_broken_ends_with_1_and_a_remedy(monkeypatch, home):
    home.mkdir()
    (home / "models.toml").write_text("[x]\nplugin = 3\n")
    code, out = run()
    assert code == 1 and "1 thing is broken" in out and "→ correct it in that file" in out
    code, out = run("--json")
    assert code == 1 and json.loads(out)["healthy"] is False


def test_a_check_that_crashes_is_a_finding(monkeypatch):
    def crash():
        raise RuntimeError("boom")

    monkeypatch.setitem(doctor._AREAS, "folders", crash)
    (found,) = broken(examine().findings)
    assert (found.area, found.detail) == ("folders", "RuntimeError: boom")


def test_torchaudio_that_does_not_fit(monkeypatch):
    def fail(name):
        raise OSError("libtorchaudio.so: undefined symbol: _ZN3c10")

    monkeypatch.setattr(machine.importlib, "import_module", fail)
    (found,) = machine.torchaudio()
    assert found.status == "note" and "do not fit each other" in found.detail
    assert "undefined symbol" in found.detail and "pip install" in found.remedy


def test_torch_that_cannot_be_imported(monkeypatch):
    real = builtins.__import__

    def fail(name, *args, **kwargs):
        if name == "torch":
            raise OSError("libcudart.so.13: cannot open shared object file")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    (found,) = machine.devices()
    assert found.status == "broken" and "libcudart" in found.detail


def test_a_library_that_is_missing(monkeypatch):
    monkeypatch.setattr(machine, "version", lambda name: "" if name == "soxr" else "1")
    (found,) = broken(machine.versions())
    assert found.name == "soxr" and found.remedy == 'pip install "soxr>=0.5"'


def test_a_remedy_keeps_the_bounds_of_torch(monkeypatch):
    """A torch beyond them would break the installation that it is to mend."""
    monkeypatch.setattr(machine, "version", lambda name: "" if name == "torch" else "1")
    (found,) = broken(machine.versions())
    bounds = SpecifierSet(re.fullmatch(r'pip install "torch(.+)"', found.remedy)[1])
    assert "2.14.0" in bounds and "2.15.0" not in bounds and "2.7.1" not in bounds
    assert remedies.install("av", "nothing-of-ours", again=True) == (
        'pip install --force-reinstall "av>=13" nothing-of-ours'
    )


def test_devices_that_fail_or_compute_wrongly(monkeypatch):
    assert machine.try_device("cpu", "fine").status == "good"
    found = machine.try_device("cuda:99", "a card")
    assert found.status == "broken" and "use --device cpu" in found.remedy
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: a * 0)
    found = machine.try_device("cpu", "x")
    assert found.status == "broken" and "wrongly" in found.detail


def test_a_card_that_pytorch_cannot_use(monkeypatch):
    def complain():
        warnings.warn("The NVIDIA driver on your system is too old. Update it.", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", complain)
    found = list(machine.devices())[-1]
    assert found.status == "note" and found.detail.endswith("on your system is too old")


def test_formats_that_fail(monkeypatch):
    import soundfile

    def fail(*args, **kwargs):
        raise soundfile.LibsndfileError(3)

    monkeypatch.setattr(soundfile, "write", fail)
    monkeypatch.setattr(formats, "_has_codec", lambda name, mode: name == "aac")
    found = {(f.name, f.status): f for f in formats.audio_formats()}
    assert "wav as FLOAT fails" in found["libsndfile", "broken"].detail
    assert "cannot read alac, mp3" in found["PyAV", "broken"].detail
    assert "Opus" in found["PyAV", "note"].detail


def test_folders(tmp_path: Path, monkeypatch):
    assert holdings.examine_folder("x", tmp_path / "new" / "er", "r").status == "good"
    file = tmp_path / "file"
    file.touch()
    found = holdings.examine_folder("x", file / "below", "r")
    assert found.status == "broken" and found.remedy == "r"
    monkeypatch.setattr(holdings, "_LITTLE_ROOM", 1e30)
    assert holdings.examine_folder("x", tmp_path, "r").status == "note"
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    assert list(holdings.folders())[-1].name == "UNMIX_OFFLINE"


def test_plugins_that_fail(models):
    models(entry(ImportError("no such thing"), "gone", "some-package"))
    (found,) = broken(holdings.plugins())
    assert "some-package" in found.name and "no such thing" in found.detail
    assert found.remedy == "update or uninstall that package"


def test_models_that_are_here_and_those_that_are_damaged(models, home):
    files = models()
    (found,) = holdings.models()
    assert found.status == "note" and found.name == "none"
    path = home / "weights" / "toy" / "a" / "v.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(files["v.pth"])
    (found,) = holdings.models()
    assert found.status == "good" and "verified" in found.detail
    path.write_bytes(files["v.pth"][::-1])
    (found,) = holdings.models()
    assert found.status == "broken" and found.remedy == "unmix models fetch a"
