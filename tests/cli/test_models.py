"""`unmix models …` as a user sees it: output, exit codes, JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from pydantic import BaseModel, Field
from typer.testing import CliRunner

import server as web
from toys import IMPATIENT, Toy, card_for, entry, some_bytes
from unmixcli.cli.models import app
from unmixcli.errors import UnmixError
from unmixcli.models.cards import ModelCard
from unmixcli.models.registry import Registry

DATA = some_bytes(1000)


class Options(BaseModel):
    kernel: int = Field(default=31, description="Length of the filter.")


class Toys(Toy):
    options = Options


@dataclass
class Run:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def unmix(server, monkeypatch, install):
    """Run `unmix models ARGS` with two models whose weights the server has."""
    server.files |= {"/a/v.pth": DATA, "/b/v.pth": some_bytes(500)}
    a = card_for({"v.pth": DATA}, server.url("/a"), name="a", licence="MIT", title="First")
    b = card_for({"v.pth": server.files["/b/v.pth"]}, server.url("/b"), name="b", known="prefix")
    b = b.model_copy(update={"restriction": "Not for commercial use.", "quality": {"vocals": 6.5}})
    c = ModelCard(name="c", plugin="toy", targets=["harmonic"], sample_rate=48000,
                  provenance="Sines alone.", quality={"harmonic": 9.25},
                  quality_on="ten sines")  # fmt: skip
    install(entry(Toys((a, b, c))), entry(ImportError("no such thing"), "gone"))
    monkeypatch.setattr("unmixcli.models.store.store.Policy", lambda: IMPATIENT)

    def run(*args: str) -> Run:
        result = CliRunner().invoke(app, args)
        error = result.exception
        if isinstance(error, UnmixError):
            return Run(error.exit_code, result.stdout, result.stderr + str(error))
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Run(result.exit_code, result.stdout, result.stderr)

    return run


def test_list(unmix):
    run = unmix("list")
    assert run.code == 0
    lines = run.out.splitlines()
    (a,) = [line for line in lines if line.startswith("a ")]
    (b,) = [line for line in lines if line.startswith("b ")]
    (c,) = [line for line in lines if line.startswith("c ")]
    assert a.split() == ["a", "1.0", "kB", "?", "no", "MIT"]
    assert b.split() == ["b", "?", "?", "no", "-*", "6.5"]
    assert c.split()[-2:] == ["-", "9.2"]
    # Figures of different yardsticks have columns of their own.
    heads = [line for line in lines if " licence  " in line]
    assert [line.split()[0] for line in heads] == ["Vocals", "Others"]
    assert heads[0].split()[-1] == "median" and heads[1].split()[-1] == "sines"
    assert "Not for commercial use." not in run.out and "unmix models info NAME" in run.out
    assert "left out: plugin gone (toy-package): ImportError: no such thing" in run.err


def test_list_as_json(unmix):
    unmix("fetch", "a")
    found = unmix("list", "--json").json
    assert {m["pace"] for m in found["models"]} == {None}
    assert [(m["name"], m["here"], m["size"]) for m in found["models"]] == [
        ("a", "yes", 1000),
        ("b", "no", None),
        ("c", "-", 0),
    ]
    assert len(found["left_out"]) == 1


def test_sort(unmix):
    def names(*args):
        return [m["name"] for m in unmix("list", "--json", *args).json["models"]]

    assert names("--sort", "quality")[:2] == ["b", "a"]
    assert names("--sort", "size")[:2] == ["a", "b"]
    run = unmix("list", "--sort", "name")
    assert run.code == 2 and "give quality, size or speed" in run.err


def test_list_of_what_ships():
    """The list answers which model to take: one line each, no sentences."""
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for known in Registry().models:
        (line,) = [line for line in lines if line.split(" ")[0] == known.card.name]
        assert (" (default)" in line) == (known.card.name == "umxhq")
    assert not any("MUSDB18-HQ, which is licensed" in line for line in lines)
    # The built-in model has a yardstick of its own, and so a column of its own.
    (head,) = [line for line in lines if line.startswith("Four stems")]
    rows = {line.split(" ")[0]: line for line in lines}
    synth = Registry().resolve("umx-synth").card
    word = synth.yardstick.split()[-1]
    end = head.index(word) + len(word)
    figure = f"{sum(synth.quality.values()) / len(synth.quality):.1f}"
    assert rows["umx-synth"][:end].endswith(figure) and "ships" in rows["umx-synth"]
    assert not rows["umxhq"][end - len(word) : end].strip()


def test_a_narrow_terminal_gets_fewer_figures():
    shown = CliRunner().invoke(app, ["list"], env={"COLUMNS": "80"}).stdout
    tables = [line for line in shown.splitlines() if " MB " in line]
    assert max(map(len, tables)) <= 80 and "…" not in shown
    assert "a wider terminal shows figures on " in shown


def test_list_for_a_goal():
    result = CliRunner().invoke(app, ["list", "--for", "karaoke", "--sort", "speed", "--json"])
    models = json.loads(result.stdout)["models"]
    paces = [model["pace"] for model in models]
    assert paces == sorted(paces)
    assert {effort for model in models for effort in model["efforts"]} == {"fast", "normal", "best"}
    shown = CliRunner().invoke(app, ["list", "--for", "karaoke"], env={"COLUMNS": "100"}).stdout
    assert "umxhq" in shown and "drumsep" not in shown


def test_check_links(unmix, server):
    run = unmix("check-links")
    assert run.code == 0 and [line.split()[:2] for line in run.out.splitlines()] == [
        ["ok", "a"],
        ["ok", "b"],
    ]
    assert {request.method for request in server.requests} == {"HEAD"}
    del server.files["/b/v.pth"]
    run = unmix("check-links", "--json")
    assert run.code == 3 and "1 of 2 files have no good address: v.pth of b" in run.err
    assert [link["status"] for link in run.json["links"]] == ["ok", "missing"]
    assert unmix("check-links", "a").code == 0


def test_check_links_without_a_network(unmix, monkeypatch):
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    run = unmix("check-links")
    assert run.code == 2 and "UNMIX_OFFLINE" in run.err


def test_info(unmix):
    run = unmix("info", "b")
    assert run.code == 0
    for words in ("toy:b", "Not for commercial use.", "v.pth", "kernel", "31", "Length of the"):
        assert words in run.out
    assert "published medians" in run.out
    generated = unmix("info", "c").out
    assert "Sines alone." in generated and "harmonic 9.25 (ten sines)" in generated
    found = unmix("info", "a", "--json").json
    assert found["files"][0]["digest"].startswith("sha256:")
    assert found["options"] == [
        {"name": "kernel", "type": "integer", "default": 31, "help": "Length of the filter."}
    ]


def test_info_of_an_unknown_model(unmix):
    run = unmix("info", "x")
    assert run.code == 3 and "unknown model 'x'" in run.err


def test_fetch_says_what_restricts_use(unmix):
    run = unmix("fetch", "a", "b")
    assert run.code == 0 and run.err.splitlines()[0] == "Not for commercial use."
    assert "a: 1 of 1 files here" in run.out
    assert "nothing fetched" in unmix("fetch", "a").out


def test_fetch_all_and_force(unmix, server):
    assert unmix("fetch", "--all").code == 0
    assert len(server.requests) == 2
    found = unmix("fetch", "--all", "--force", "--json").json
    assert [file["fetched"] for file in found["files"]] == [1000, 500]


def test_fetch_that_fails_gets_the_rest(unmix, server):
    server.script["/a/v.pth"] = [web.status(404)]
    run = unmix("fetch", "--all", "--json")
    assert run.code == 3 and "404 Not Found" in run.err
    assert [bool(file["error"]) for file in run.json["files"]] == [True, False]


@pytest.mark.parametrize("args", [["fetch"], ["fetch", "--all", "a"], ["remove"], ["add"]])
def test_what_makes_no_sense(unmix, args):
    assert unmix(*args).code == 2


def test_verify(unmix, home):
    assert unmix("verify").code == 0
    run = unmix("verify", "a")
    assert run.code == 3 and "missing" in run.out
    unmix("fetch", "a")
    assert "good" in unmix("verify").out
    path = home / "weights/toy/a/v.pth"
    path.write_bytes(DATA[::-1])
    run = unmix("verify")
    assert run.code == 3 and "damaged" in run.out and "unmix models fetch a" in run.err
    assert unmix("fetch", "a").code == 0 and path.read_bytes() == DATA


def test_remove(unmix, home):
    unmix("fetch", "a")
    assert "a: 1.0 kB freed" in unmix("remove", "a").out
    assert not (home / "weights/toy/a/v.pth").exists()
    assert "a: nothing to remove" in unmix("remove", "a").out


def test_path(unmix, home):
    assert unmix("path").out == f"{home / 'weights'}\n"
    assert unmix("path", "a").out == f"{home / 'weights/toy/a'}\n"
    assert unmix("path", "c").code == 3


def test_add(unmix, tmp_path, home):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(DATA)
    bad.write_bytes(b"else")
    run = unmix("add", str(bad), str(good))
    assert run.code == 3 and "not a file of a known model" in run.err
    assert "a: v.pth added" in run.out
    assert (home / "weights/toy/a/v.pth").read_bytes() == DATA
    assert unmix("add", str(tmp_path / "none")).code == 1
