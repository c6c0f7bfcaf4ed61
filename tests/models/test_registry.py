"""Plugins, names, folders, the user's catalogue, options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import server as web
from toys import Events, Toy, card_for, entry, some_bytes
from unmixcli.errors import FetchError, ModelError, UsageError
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.registry import Registry

DATA = some_bytes(1000)


def card(name: str, plugin: str = "toy", **more) -> ModelCard:
    fields = {"targets": ["vocals", "drums"], "sample_rate": 44100} | more
    return ModelCard(name=name, plugin=plugin, **fields)


def registry(*entries, **how) -> Registry:
    return Registry(entry_points=entries, **how)


def user_catalogue(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "models.toml").write_text(text)


SHIPPED = entry(Toy((card("one", "ours"), card("two", "ours"))), "ours", "unmixcli")


def test_the_shipped_plugins_come_through_entry_points():
    known = Registry()
    names = [model.card.name for model in known.models if model.shipped]
    assert {"umxhq", "umx", "umxl", "umxse"} <= set(names)


def test_names_and_full_names():
    known = registry(SHIPPED, entry(Toy((card("three"),))))
    assert known.resolve("three").card.plugin == "toy"
    assert known.resolve("toy:three").card.name == "three"
    assert known.resolve("ours:one").shipped


def test_a_shipped_name_is_never_shadowed():
    known = registry(entry(Toy((card("one"),))), SHIPPED)
    assert known.resolve("one").card.plugin == "ours"
    assert known.resolve("toy:one").card.plugin == "toy"


def test_a_shipped_plugin_is_never_replaced():
    other = entry(Toy((card("evil", "ours"),)), "ours", "aaa")
    known = registry(other, SHIPPED)
    assert [model.card.name for model in known.models] == ["one", "two"]
    assert "plugin ours (aaa): another plugin already has this name" in str(known.problems[0])


def test_a_package_that_calls_itself_ours_is_not():
    false = entry(Toy((card("one"),)), "toy", "aaa")
    assert not registry(false).resolve("one").shipped


def test_two_plugins_with_a_model_of_one_name():
    known = registry(entry(Toy((card("x", "a"),)), "a"), entry(Toy((card("x", "b"),)), "b"))
    with pytest.raises(ModelError, match=r"several plugins have a model 'x': use a:x or b:x"):
        known.resolve("x")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("on", "unknown model 'on'; did you mean one?"),
        ("tow", "did you mean two?"),
        ("ours:on", "did you mean ours:one?"),
        ("quite else", "see `unmix models list`"),
        ("x" * 5000, "unknown model"),
        ("~nobody-of-that-name", "unknown model"),
        ("./one", "./one does not exist"),
        ("no/such", "no/such does not exist"),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(ModelError) as caught:
        registry(SHIPPED).resolve(name)
    assert words in str(caught.value) and caught.value.exit_code == 3


class Broken:
    def cards(self):
        raise RuntimeError("no\nluck")


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (ImportError("No module named 'gone'"), "ImportError: No module named 'gone'"),
        (SystemExit(1), "SystemExit: 1"),
        (Broken(), "RuntimeError: no luck"),
        (object(), "AttributeError: 'object' object has no attribute 'cards'"),
        (Toy((card("x", "else"),)), "its card x belongs to another plugin, else"),
        (Toy((card("x"), card("X"))), "it has two models called X"),
        (Toy(("x",)), "AttributeError"),
        (type("Odd", (Toy,), {"options": {"a": 1}})(), "its options must be a pydantic model"),
    ],
)
def test_a_broken_plugin_is_reported_and_breaks_nothing(plugin, words):
    known = registry(entry(plugin), SHIPPED)
    assert [model.card.name for model in known.models] == ["one", "two"]
    assert [problem.source for problem in known.problems] == ["plugin toy (toy-package)"]
    assert words in known.problems[0].reason


def test_listing_imports_no_torch():
    code = """
import sys
from importlib.metadata import entry_points
from unmixcli.models.registry import GROUP, Registry
ours = [entry for entry in entry_points(group=GROUP) if entry.dist.name == "unmixcli"]
assert ours and not Registry(entry_points=ours).problems
print(*sys.modules)
"""
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules = set(output.stdout.split())
    assert not modules & {"torch", "torchaudio", "typer", "rich", "httpx", "scipy", "av"}


def test_folders(tmp_path, monkeypatch):
    class Folders(Toy):
        def folder_card(self, folder):
            if not (folder / "w.pth").exists():
                return None
            weights = Weights(file="w.pth", path=folder / "w.pth")
            return card(folder.name, weights=[weights])

    known = registry(SHIPPED, entry(Folders()))
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "w.pth").write_bytes(DATA)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert known.resolve("one").shipped  # the name wins
    assert known.resolve("./one").card.weights[0].path == Path("one/w.pth")
    assert known.resolve(str(tmp_path / "one")).card.plugin == "toy"
    with pytest.raises(ModelError, match=r"no installed plugin recognises the model in"):
        known.resolve("empty")
    loaded = known.load_model("./one")[1]
    assert loaded["weights"] == {"w.pth": Path("one/w.pth")}


def test_the_users_own_models(home, tmp_path):
    (tmp_path / "v.pth").write_bytes(DATA)
    user_catalogue(
        home,
        f"""
[mine]
like = "one"
[[mine.weights]]
file = "v.pth"
path = "{tmp_path / "v.pth"}"
targets = ["vocals"]

[whole]
plugin = "ours"
targets = ["speech"]
sample_rate = 16000
""",
    )
    known = registry(SHIPPED)
    assert known.problems == []
    mine, loaded = known.load_model("mine", device="cuda:1")
    assert mine.targets == ("vocals",) and mine.plugin == "ours"
    assert loaded["weights"] == {"v.pth": tmp_path / "v.pth"} and loaded["device"] == "cuda:1"
    assert not known.resolve("ours:whole").shipped


def test_a_mistake_in_the_users_catalogue_breaks_one_table(home):
    user_catalogue(
        home,
        """
[bad]
like = "one"
colour = 1
[one]
like = "two"
[TWO]
like = "two"
[lost]
plugin = "none"
targets = ["x"]
sample_rate = 1
[good]
like = "one"
""",
    )
    known = registry(SHIPPED)
    assert [model.card.name for model in known.models] == ["one", "two", "good"]
    reasons = [problem.reason for problem in known.problems]
    assert "table [bad], key colour: Extra inputs" in reasons[0]
    assert "table [one]: another model already has this name" in reasons[1]
    assert "table [TWO]: another model already has this name" in reasons[2]
    assert "table [lost], key plugin: unknown plugin 'none'; installed: ours" in reasons[3]
    with pytest.raises(
        ModelError, match=r"unknown model 'bad'; it could not be used: .*table \[bad\], key colour"
    ):
        known.resolve("bad")


def test_a_users_catalogue_that_is_no_toml(home):
    user_catalogue(home, "[")
    known = registry(SHIPPED)
    assert len(known.models) == 2 and "models.toml" in known.problems[0].reason


def test_targets(server, store):
    files = {"vocals.pth": DATA, "drums.pth": some_bytes(1000, 1)}
    server.files |= {f"/{file}": data for file, data in files.items()}
    plain = card_for(files, server.address, targets=["vocals", "drums"])
    weights = [w.model_copy(update={"targets": (w.file[:-4],)}) for w in plain.weights]
    toy = entry(Toy((plain.model_copy(update={"weights": tuple(weights)}),)))
    known = registry(toy, store=store)
    with pytest.raises(UsageError, match=r"tiny has no target 'drum', only vocals, drums; did you"):
        known.load_model("tiny", ["drum"])
    _, loaded = known.load_model("tiny", ["drums"])
    assert loaded["targets"] == ("drums",) and list(loaded["weights"]) == ["drums.pth"]
    assert [request.path for request in server.requests] == ["/drums.pth"]
    assert known.load_model("tiny")[1]["targets"] == ("vocals", "drums")


class Options(BaseModel, extra="forbid"):
    segment: float = Field(default=10.0, gt=0, description="Seconds.")
    overlap: float = Field(default=0.25, ge=0, lt=1)


class WithOptions(Toy):
    options = Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"segmnt": "1"}, "x has no option 'segmnt', only segment, overlap; did you mean segment?"),
        ({"segment": "-1"}, "option segment of x: Input should be greater than 0"),
        ({"segment": "long"}, "option segment of x: Input should be a valid number"),
    ],
)
def test_options_of_a_plugin(options, words):
    known = registry(entry(WithOptions((card("x"),))))
    with pytest.raises(UsageError) as caught:
        known.resolve("x").validate_options(options, {})
    assert words in str(caught.value)


def test_options_that_fit():
    known = registry(entry(WithOptions((card("x"),)))).resolve("x")
    assert known.validate_options({"segment": "3"}, {}) == (Options(segment=3.0), ())
    assert known.validate_options({}, {}) == (Options(), ())
    one = registry(SHIPPED).resolve("one")
    assert one.validate_options({}, {}) == (None, ())
    with pytest.raises(UsageError, match=r"one has no option 'segment', none of its own"):
        one.validate_options({"segment": "1"}, {})


def test_shorthands_reach_the_models_that_have_them():
    known = registry(entry(WithOptions((card("x"),)))).resolve("x")
    given = known.validate_options({"overlap": "0.5"}, {"segment": 3, "niter": 2})
    assert given == (Options(segment=3.0, overlap=0.5), ("niter",))
    with pytest.raises(UsageError, match=r"option segment of x: Input should be greater than 0"):
        known.validate_options({}, {"segment": -1})
    with pytest.raises(UsageError, match=r"segment is given twice: by its own flag and by --opt"):
        known.validate_options({"segment": "3"}, {"segment": 3})
    assert registry(SHIPPED).resolve("one").validate_options({}, {"niter": 2}) == (None, ("niter",))


def test_weights_are_fetched_on_the_way(server, store):
    server.files["/tiny.pth"] = DATA
    known = registry(entry(Toy((card_for({"tiny.pth": DATA}, server.address),))), store=store)
    with pytest.raises(ModelError, match=r"--offline or UNMIX_OFFLINE forbids downloading it"):
        known.load_model("tiny", offline=True)
    events = Events()
    _, loaded = known.load_model("tiny", progress=events)
    assert loaded["weights"]["tiny.pth"].read_bytes() == DATA and events[-1].done == 1000


def test_a_failed_fetch_names_the_model_that_needs_none(server, store):
    server.script["/tiny.pth"] = [web.status(404)] * 2
    far = card_for({"tiny.pth": DATA}, server.address)
    built_in = card("near", "ours", weights=[Weights(file="x", package_file="unmixcli:errors.py")])
    toy, ours = entry(Toy((far,))), entry(Toy((built_in,)), "ours", "unmixcli")
    with pytest.raises(FetchError, match=r"or use --model near, which needs no download"):
        registry(toy, ours, store=store).load_model("tiny")
    with pytest.raises(FetchError) as caught:
        registry(toy, SHIPPED, store=store).load_model("tiny")
    assert "--model" not in str(caught.value)


class FailsToLoad(Toy):
    def load(self, card, weights, targets, device):
        raise KeyError("fc1.weight")


def test_a_plugin_that_fails_to_load_a_model():
    known = registry(entry(FailsToLoad((card("x"),))))
    with pytest.raises(
        ModelError, match=r"the plugin toy failed to load x: KeyError: 'fc1.weight'"
    ):
        known.load_model("x")
