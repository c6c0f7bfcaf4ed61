"""What a goal and an effort choose, with and without weights and a network."""

from __future__ import annotations

import pytest

from combinations import registry_of, toy
from toys import card_for, some_bytes
from unmixcli.errors import FetchError, ModelError, UsageError
from unmixcli.models.catalogue import shipped_names
from unmixcli.models.goals import by_effort, goals, power_of, rank
from unmixcli.options.config import SeparationConfig
from unmixcli.options.mixes import PRESETS
from unmixcli.options.settings import Settings
from unmixcli.separation.order import Order

FOUR = ("vocals", "drums", "bass", "other")


def remote(server, name, *targets, there=True, **more):
    data = some_bytes(50, len(name))
    if there:
        server.files[f"/{name}"] = data
    card = card_for({name: data}, server.address, name=name, targets=targets or FOUR, **more)
    return card.model_copy(update={"licence": more.get("licence", "MIT")})


COSTS = {"scnet-large": 12, "scnet": 4, "hdemucs": 0.8, "umxhq": 0.15, "umx-synth": 0.05}


def local(name, *targets, **more):
    return toy(name, *(targets or FOUR), cost=COSTS.get(name), **more)


def chosen(registry, **options):
    config = SeparationConfig.parse(device="cpu", **options)
    order = Order.of(config, registry)
    assert order.open
    order = order.settled(registry)
    assert not order.open and order.config.goal is None
    return order


def test_the_table_speaks_of_models_and_presets_that_exist():
    literal = SeparationConfig.model_fields["goal"].annotation
    assert str(literal).count("'") == 2 * len(goals())
    assert all(f"'{goal}'" in str(literal) for goal in goals())
    for goal in goals().values():
        for choice in goal.choices:
            assert choice.model in shipped_names()
            assert (choice.preset or goal.preset or "karaoke") in PRESETS


def test_quality_first_as_far_as_effort_allows(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    names = ["scnet-large", "scnet", "htdemucs", "umxhq", "umx-synth"]
    registry = registry_of(*(local(name) for name in names), shipped=True)
    assert power_of("cpu") == 2
    ranked = rank(registry, "stems", "cpu")
    assert [one.known.card.name for one in ranked] == names
    first = {effort: by_effort(ranked, effort)[0] for effort in ("fast", "normal", "best")}
    assert {effort: one.known.card.name for effort, one in first.items()} == {
        "fast": "umxhq",
        "normal": "scnet",
        "best": "scnet-large",
    }
    on_a_card = by_effort(rank(registry, "stems", "cuda:0"), "fast")[0]
    assert on_a_card.known.card.name == "scnet-large"


def test_without_a_licence_nothing_is_chosen():
    cards = [local("scnet-large", licence="not stated"), local("scnet", licence=""), local("umxhq")]
    registry = registry_of(*cards, shipped=True)
    assert chosen(registry, goal="stems", effort="best").card.name == "umxhq"
    pair = [local("bs-vocals-anvuew", "vocals"), local("melband-kim", "vocals", licence="")]
    registry = registry_of(*pair, shipped=True)
    assert registry.resolve("vocals-pair").card.licence == "not stated"
    assert chosen(registry, goal="acapella", effort="best").card.name == "bs-vocals-anvuew"


def test_models_of_others_are_not_chosen_for_their_name():
    registry = registry_of(local("umxhq"))
    with pytest.raises(ModelError, match="no installed model serves stems"):
        Order.of(SeparationConfig.parse(goal="stems"), registry)


@pytest.mark.parametrize(
    ("goal", "model", "names", "targets"),
    [
        ("karaoke", "umxhq", ("karaoke",), ("vocals",)),
        ("acapella", "umxhq", ("vocals",), ("vocals",)),
        ("stems", "umxhq", FOUR, FOUR),
        ("cleaning", "umxse", ("speech",), ("speech",)),
    ],
)
def test_what_comes_out(goal, model, names, targets):
    cards = [local("umxhq"), local("umxse", "speech", "noise", rate=16000)]
    registry = registry_of(*cards, shipped=True)
    order = chosen(registry, goal=goal)
    assert order.card.name == model and order.plan.names == names
    assert order.plan.targets == targets
    assert order.note.startswith(f"chosen for {goal}: {model}")
    assert "licence: MIT" in order.note and f"--model {model}" in order.note
    # It is done again by naming the model.
    asked = {key: getattr(order.config, key) for key in ("model", "targets", "preset")}
    again = Order.of(SeparationConfig.parse(**asked), registry)
    assert again.recipe == order.recipe


def test_what_is_wanted_besides_is_kept():
    registry = registry_of(local("umxhq"), local("umx-synth", "vocals"), shipped=True)
    order = chosen(registry, goal="stems", targets="drums", residual=True)
    assert order.plan.names == ("drums", "accompaniment")
    order = chosen(registry, goal="acapella", residual=True)
    assert order.plan.names == ("vocals", "accompaniment")


def test_without_a_network_the_best_that_is_here(server, store):
    best = remote(server, "scnet-large", there=False)
    second = remote(server, "scnet")
    registry = registry_of(best, second, local("umxhq"), local("umx-synth"), shipped=True)
    registry.store = store
    order = chosen(registry, goal="stems", effort="best")
    assert order.card.name == "umxhq"
    assert not server.got("/scnet")  # after one failure nobody waits for another server
    server.requests.clear()
    assert chosen(registry, goal="stems", effort="best", offline=True).card.name == "umxhq"
    assert not server.requests
    registry.fetch(registry.resolve("scnet"))
    assert chosen(registry, goal="stems", effort="best", offline=True).card.name == "scnet"


def test_nothing_here_and_no_network(server, store):
    registry = registry_of(remote(server, "scnet", there=False), shipped=True)
    registry.store = store
    with pytest.raises(FetchError, match="cannot download scnet"):
        chosen(registry, goal="stems")
    with pytest.raises(ModelError, match="run `unmix models fetch scnet`"):
        chosen(registry, goal="stems", offline=True)


def test_only_what_the_goal_needs_is_fetched(server, store):
    card = remote(server, "umxhq", there=False)
    vocals, drums = some_bytes(9, 1), some_bytes(9, 2)
    server.files["/v.pth"] = vocals
    weights = card_for({"v.pth": vocals, "d.pth": drums}, server.address).weights
    parts = [w.model_copy(update={"targets": (t,)}) for w, t in zip(weights, FOUR, strict=False)]
    card = card.model_copy(update={"weights": tuple(parts)})
    registry = registry_of(card, shipped=True)
    registry.store = store
    assert chosen(registry, goal="karaoke").card.name == "umxhq"
    assert [request.path for request in server.requests] == ["/v.pth"]


def test_a_goal_or_a_model_not_both(home):
    with pytest.raises(UsageError, match="either --model or --for"):
        SeparationConfig.parse(goal="stems", model="umxhq")
    with pytest.raises(UsageError, match="goal 'singing'"):
        SeparationConfig.parse(goal="singing")
    with pytest.raises(UsageError, match="did you mean karaoke"):
        rank(registry_of(), "karaoki", "cpu")
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text('model = "umxl"')
    config = Settings.load({"goal": "stems"}).config()
    assert (config.model, config.goal) == ("auto", "stems")
    (home / "config.toml").write_text('goal = "stems"')
    config = Settings.load({"model": "umxl"}).config()
    assert (config.model, config.goal) == ("umxl", None)


def test_a_default_run_is_told_once_how_to_get_better_stems():
    registry = registry_of(local("umxhq"), shipped=True)
    order = Order.of(SeparationConfig.parse(device="cpu"), registry).settled(registry)
    assert order.card.name == "umxhq" and "--for stems" in order.note
    named = Order.of(SeparationConfig.parse(model="umxhq"), registry)
    assert not named.settled(registry).note
