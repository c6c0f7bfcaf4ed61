"""Tables of ensembles and chains: from the catalogue, from a name, and wrong ones."""

from __future__ import annotations

import pytest

from combinations import Toys, registry_of, separate, toy
from streams import noise
from toys import card_for, some_bytes
from unmixcli.errors import FetchError, ModelError, UsageError
from unmixcli.models.catalogue import shipped_combinations, shipped_names
from unmixcli.models.registry import Registry
from unmixcli.stems.recipe import identify

FOUR = ("vocals", "drums", "bass", "other")


def models(home, text):
    home.mkdir(exist_ok=True)
    (home / "models.toml").write_text(text)
    return registry_of(
        toy("a"), toy("b", *FOUR), toy("x+y", "vocals"), toy("v", "vocals", "rest", rest="rest")
    )


def test_ensembles_and_chains_of_the_users_own(home):
    registry = models(
        home,
        """
[later]
members = ["both", "b"]
[both]
title = "Two"
members = ["a", { model = "b", weights = { vocals = 2.0 } }]
method = "mean-spectrum"
[chained]
[[chained.stages]]
model = "both"
keep = ["drums"]
[[chained.stages]]
model = "v"
input = "vocals"
names = { rest = "breath" }
""",
    )
    assert registry.problems == []
    both = registry.resolve("both").card
    assert (both.title, both.plugin, both.targets) == ("Two", "ensemble", ("vocals", "drums"))
    assert both.licence == "MIT" and both.channels is None
    assert registry.resolve("later").card.targets == ("vocals", "drums")
    assert registry.resolve("chain:chained").card.targets == ("drums", "vocals", "breath")
    assert not registry.resolve("chained").shipped


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[m]\nmembers = ["a", "nope"]', "there is no model 'nope'"),
        ('[m]\nmembers = []', "key members"),
        ('[m]\nmembers = ["a"]\nmethod = "best"', "key method"),
        ('[m]\nmembers = ["a"]\ncolour = 1', "key colour"),
        ('[m]\nmembers = ["m", "a"]', "a loop: m → m"),
        ('[m]\nmembers = ["n"]\n[n]\nmembers = ["m"]', "a loop: m → n → m"),
        ('[m]\nmembers = ["a", {model = "a", targets = {vocals = "lead", drums = "hits"}}]',
         "no target in common: a has vocals, drums; a has lead, hits"),
        ('[m]\nmembers = ["a", {model = "b", targets = {vocal = "x"}}]',
         "b has no target 'vocal', only vocals, drums, bass, other; did you mean vocals?"),
        ('[m]\nmembers = [{model = "a", targets = {vocals = "drums"}}]',
         "two targets of a would be called 'drums'"),
        ('[m]\nmembers = [{model = "a", weights = 0}, {model = "b", weights = {vocals = 0, '
         'drums = 1}}]', "nothing counts for the target vocals: all weights are zero"),
        ('[m]\nmembers = ["a", "b"]\ntargets = ["vocals", "brass"]',
         "nothing counts for the target brass: no member has it"),
        ('[m]\nmembers = [{model = "a", weights = -1.0}]', "key members"),
        ('[m]\nmembers = [{model = "a", weights = inf}]', "key members"),
        ('[m]\nmembers = [{model = "a", weights = {brass = 1}}]', "speak of 'brass'"),
        ('[m]\nmembers = ["a", {model = "b", weights = 2}]\nmethod = "median"',
         "the method median takes only the weights 0 and 1"),
        ('[m]\nmembers = ["a"]\nmethod = "phase-repair"', "phase-repair takes two members"),
        ('[m]\nmembers = ["a", "b"]\nmethod = "phase-repair"\nlow = 900\nhigh = 800',
         "low must be below high"),
        ('[m]\nmembers = ["a"]\nlow = 900', "low and high are for the method phase-repair"),
        ('[m]\nmembers = [{model = "a", options = {gains = 2}}]', "a has no option 'gains'"),
        ('[m]\nplugin = "toy"\nmembers = ["a"]', "no plugin 'toy' makes models of others"),
        ('[m]\nmembers = ["b"]\n[M]\nmembers = ["b"]', "a model has this name already"),
        ('[m]\nstages = []', "key stages"),
        ('[m]\nstages = ["nope"]', "there is no model 'nope'"),
        ('[m]\nstages = [{model = "a", input = "guitar"}]', "stage 1: no other stage makes"),
        ('[m]\nstages = [{model = "a", input = "vocals"}]', "stage 1: no other stage makes"),
        ('[m]\nstages = [{model = "a", input = "bass"}, {model = "b", input = "vocals"}]',
         "a loop: stages 1 and 2 wait for each other's stems"),
        ('[m]\nstages = ["a", "b"]', "two stages keep a stem called 'vocals'"),
        ('[m]\nstages = ["a", {model = "b", keep = []}, {model = "v", input = "drums"}]',
         "stage 2: nothing is kept of it"),
        ('[m]\nstages = ["a", "b", {model = "v", input = "drums"}]',
         "several stages make 'drums'"),
        ('[m]\nstages = [{model = "a", keep = ["guitar"]}]', "it has no stem 'guitar' to keep"),
        ('[m]\nstages = [{model = "a", names = {guitar = "g"}}]', "a has no target 'guitar'"),
        ('[m]\nstages = [{model = "a", names = {vocals = "DRUMS"}}]', "would be called"),
        ('[m]\nstages = [{model = "a", names = {vocals = "../x"}}]', "key stages"),
    ],
)  # fmt: skip
def test_wrong_tables_are_left_out_with_a_sentence(home, table, words):
    registry = models(home, table + '\n[good]\nlike = "a"\n')
    assert registry.resolve("good")
    problem = str(registry.problems[0])
    assert words in problem and str(home / "models.toml") in problem, problem
    if "[M]" not in table:
        with pytest.raises(ModelError, match="left out was"):
            registry.resolve("m")


def test_sums_on_the_command_line():
    registry = registry_of(toy("a"), toy("b"), toy("a+b", "vocals"), toy("c", "other"))
    assert registry.resolve("a+b").card.plugin == "toy"  # a known name wins
    known = registry.resolve("a+b+b")
    assert [part.card.name for part in known.parts] == ["a+b", "b"]
    assert known.card.name == "a+b+b" and known.card.targets == ("vocals",)
    assert [p.card.name for p in registry.resolve("toy:b + a").parts] == ["b", "a"]
    long = registry.resolve("+".join(["a"] * 60)).card.name
    assert len(long) == 64
    with pytest.raises(ModelError, match="a\\+c: its models have no target in common: a has voc"):
        registry.resolve("a+c")
    with pytest.raises(ModelError, match="there is no model 'd'"):
        registry.resolve("a+d")
    with pytest.raises(ModelError, match="there is no model 'a\\+'"):
        registry.resolve("a+")


def test_options_nobody_has():
    known = registry_of(toy("a"), toy("b")).resolve("a+b")
    with pytest.raises(UsageError, match=r"no model of a\+b has an option 'gains'.*gain"):
        known.validate_options({"gains": "2"}, {})
    options, idle = known.validate_options({"gain": "2"}, {"niter": 3})
    assert idle == ("niter",) and options.parts[1].gain == 2


def with_weights(server, name, data, *targets, found=True):
    if found:
        server.files[f"/{name}.pth"] = data
    return card_for(
        {f"{name}.pth": data}, server.address, name=name, targets=targets or ("vocals",)
    )


def test_members_are_fetched_once_and_before_anything_is_loaded(server, store):
    cards = [with_weights(server, name, some_bytes(999, k)) for k, name in enumerate("ab")]
    toys = Toys()
    registry = registry_of(*cards, plugin=toys)
    registry.store = store
    registry.load(registry.resolve("a+b+a"))
    paths = [request.path for request in server.requests]
    assert sorted(paths) == ["/a.pth", "/b.pth"]
    missing = with_weights(server, "c", some_bytes(10, 7), found=False)
    registry = registry_of(*cards, missing, plugin=toys)
    registry.store = store
    toys.loaded.clear()
    with pytest.raises(FetchError, match=r"cannot fetch c\.pth of c"):
        registry.load(registry.resolve("a+c+b"))
    assert not toys.loaded


def test_the_digest_of_a_combination_covers_its_members(tmp_path):
    def digest(seed, **table):
        cards = []
        for name, data in (("a", some_bytes(9)), ("b", some_bytes(9, seed))):
            path = tmp_path / f"{name}{seed}.pth"
            path.write_bytes(data)
            weights = [{"file": f"{name}.pth", "path": path}]
            cards.append(toy(name, weights=weights))
        card = registry_of(*cards).compose("x", {"members": ["a", "b"]} | table).card
        return identify(card, card.targets)

    assert digest(1) == digest(1) != ""
    assert len({digest(1), digest(2), digest(1, method="median")}) == 3


def test_all_that_ships_can_be_made():
    registry = Registry(entry_points=[])
    assert not registry.problems
    assert set(shipped_combinations()) <= set(shipped_names())


def test_ensembles_of_combinations(home):
    registry = models(home, '[two]\nmembers = ["a", "b"]\n[c]\nstages = ["two"]')
    mixture = noise(4000)
    assert (separate(registry, "two+c+a", mixture) == 0.5 * mixture).all()
