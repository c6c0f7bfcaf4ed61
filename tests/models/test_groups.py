"""Groups of models by what they give, and their figures."""

from __future__ import annotations

import pytest

from combinations import toy
from unmixcli.models.catalogue import shipped_names
from unmixcli.models.groups import GROUPS, figure, group_of, licence_word, yardstick
from unmixcli.models.registry import Registry


def group(*targets: str) -> str:
    return group_of(toy("a", *targets)).title


@pytest.mark.parametrize(
    ("targets", "title"),
    [
        (("vocals", "instrumental"), "vocals and instrumental"),
        (("vocals",), "vocals and instrumental"),
        (("bass", "drums", "other", "vocals"), "four stems"),
        (("drums",), "four stems"),
        (("bass", "drums", "other", "vocals", "piano"), "six and more stems"),
        (("kick", "snare", "toms"), "parts of drums"),
        (("lead-vocals", "backing-track"), "lead and backing vocals"),
        (("dry", "reverb"), "cleaning"),
        (("speech", "noise"), "speech"),
        (("harmonic", "percussive"), "others"),
    ],
)
def test_the_targets_decide(targets, title):
    assert group(*targets) == title


def test_where_the_shipped_models_are():
    titles = {known.card.name: group_of(known.card).title for known in Registry().models}
    assert set(titles) <= set(shipped_names())
    assert titles["clean-vocals"] == titles["bs-dereverb-anvuew"] == "cleaning"
    assert titles["mvsep-mega"] == "six and more stems"
    assert titles["lead-and-backing"] == "lead and backing vocals"
    assert titles["drum-parts"] == "parts of drums"
    assert titles["umxse"] == "speech"
    assert "others" not in titles.values()


def test_figures_are_means_of_what_a_group_has_in_common():
    voice, stems = GROUPS[:2]
    both = toy("a", "vocals", "instrumental", quality={"vocals": 10.0, "instrumental": 16.0})
    assert figure(both, voice) == (10.0, ("vocals",))
    some = toy("b", "vocals", "drums", "bass", "other", quality={"vocals": 8.0, "drums": 9.0})
    assert figure(some, stems) == (8.5, ("vocals", "drums"))
    assert figure(toy("c"), voice) is None


def test_yardsticks():
    quality = {"vocals": 1.0}
    assert yardstick(toy("a")) == ""
    assert yardstick(toy("a", quality=quality)) == "MUSDB median"
    assert yardstick(toy("a", quality=quality, quality_on="ten sines, mean")) == "ten sines"
    named = toy("a", quality=quality, quality_on="ten sines, mean", yardstick="sines")
    assert yardstick(named) == "sines"


@pytest.mark.parametrize(
    ("licence", "word"),
    [
        ("", "-"),
        ("not stated", "unstated"),
        ("MIT", "MIT"),
        ("GPL-3.0; MIT", "GPL"),
        ("CC BY-NC-SA 4.0", "NC"),
        ("CC BY 4.0", "CC-BY"),
        ("research data, see below", "research"),
        ("Unlicense", "Unlicense"),
    ],
)
def test_a_licence_in_one_word(licence, word):
    assert licence_word(licence) == word
