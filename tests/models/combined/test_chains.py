"""Chains: stage after stage, against the same done by hand on whole tracks."""

from __future__ import annotations

import gc
import itertools
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from combinations import Toys, registry_of, separate, toy
from streams import ArrayMixture, noise
from unmixcli.audio import resampling
from unmixcli.errors import ModelError, SpoolError
from unmixcli.models.combined import spool
from unmixcli.models.interface import Request, ignore

VOICES = toy("voices", "vocals", "music", rest="music", parameters={"vocals": 0.25})
BAND = toy("band", "drums", "bass", parameters={"drums": 0.5, "bass": 0.125})
PARTS = toy("parts", "kick", "snare", parameters={"kick": 0.5, "snare": 2.0})
TREE = {
    "stages": [
        {"model": "parts", "input": "drums", "names": {"snare": "clap"}},
        {"model": "voices", "keep": ["vocals"]},
        {"model": "band", "input": "music", "keep": ["bass", "drums"]},
    ]
}
"""Given out of order; drums are kept though a stage reads them."""


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 150_000),
    channels=st.integers(1, 2),
    size=st.integers(500, 90_000),
    block=st.integers(500, 90_000),
)
def test_a_chain_is_its_stages_by_hand(length, channels, size, block):
    registry = registry_of(VOICES, BAND, PARTS, plugin=Toys(block=size))
    known = registry.compose("tree", TREE)
    assert known.card.targets == ("kick", "clap", "vocals", "bass", "drums")
    mixture = noise(length, channels)
    stems = separate(registry, known, mixture, block=block)
    vocals = np.float32(0.25) * mixture
    music = mixture - vocals
    drums = np.float32(0.5) * music
    expected = [np.float32(0.5) * drums, np.float32(2) * drums, vocals, music / 8, drums]
    assert np.array_equal(stems, np.stack(expected))


def test_the_rest_of_overlapping_targets_lacks_only_the_usual_ones():
    gains = {"vocals": 0.25, "lead": 0.125, "drums": 0.5}
    heads = toy(
        "heads",
        *("vocals", "lead", "drums", "other"),
        default_targets=("vocals", "drums", "other"),
        rest="other",
        parameters=gains,
    )
    toys = Toys()
    registry = registry_of(heads, plugin=toys)
    known = registry.compose("two", {"stages": [{"model": "heads", "keep": ["other", "lead"]}]})
    mixture = noise(5000)
    other, lead = separate(registry, known, mixture)
    assert np.array_equal(lead, mixture / 8)
    assert np.allclose(other, mixture / 4, atol=1e-7)
    assert toys.loaded[-1].targets == ("vocals", "lead", "drums")
    registry.load_model("heads")
    assert toys.loaded[-1].targets == ("vocals", "drums")


def test_only_the_stages_that_are_needed_run():
    toys = Toys()
    registry = registry_of(VOICES, BAND, PARTS, plugin=toys)
    known = registry.compose("tree", TREE)
    mixture = noise(3000)
    stems = separate(registry, known, mixture, ["vocals"])
    assert np.array_equal(stems[0], np.float32(0.25) * mixture)
    assert [(m.card.name, m.targets) for m in toys.loaded] == [("voices", ("vocals",))]
    toys.loaded.clear()
    separate(registry, known, mixture, ["bass"])
    assert [(m.card.name, m.targets) for m in toys.loaded] == [
        ("voices", ("vocals",)),
        ("band", ("bass",)),
    ]


def test_a_chain_of_one_stage_is_that_model():
    registry = registry_of(VOICES, toy("low", "speech", rate=16000, channels=1))
    mixture = noise(20_011)
    known = registry.compose("one", {"stages": ["low"]})
    assert (known.card.sample_rate, known.card.channels) == (16000, 1)
    alone = separate(registry, "low", mixture[:1], rate=16000)
    assert np.array_equal(separate(registry, known, mixture[:1], rate=16000), alone)


def test_sums_of_stems_are_inputs():
    registry = registry_of(toy("a", "vocals", parameters={"vocals": 0.25}), PARTS)
    table = {"stages": ["a", {"model": "parts", "input": "mixture - vocals", "keep": ["kick"]}]}
    known = registry.compose("sum", table)
    mixture = noise(70_001)
    (kick,) = separate(registry, known, mixture)
    assert np.array_equal(kick, np.float32(0.5) * (mixture - np.float32(0.25) * mixture))


def test_between_models_of_one_rate_nothing_is_resampled(monkeypatch):
    """16 kHz to 16 kHz in a chain at 44.1 kHz: down once for the first, up for each output."""
    rates = []
    resample = resampling.resample

    def spy(blocks, rate_in, rate_out, length):
        rates.append((rate_in, rate_out))
        return resample(blocks, rate_in, rate_out, length)

    monkeypatch.setattr(resampling, "resample", spy)
    low = [toy(n, "out", rate=16000, parameters={"out": 1.0}) for n in ("a", "b")]
    registry = registry_of(*low, toy("c", "out", parameters={"out": 1.0}))
    stages = [
        {"model": "a", "names": {"out": "one"}},
        {"model": "b", "input": "one", "names": {"out": "two"}},
        {"model": "c", "input": "two"},
    ]
    known = registry.compose("x", {"stages": stages})
    time = np.arange(44100 * 2 + 5) / 44100
    tone = (np.sin(2 * np.pi * 300 * time) * np.hanning(len(time))).astype(np.float32)[None]
    stems = separate(registry, known, tone)
    assert stems.shape == (1, *tone.shape) and np.abs(stems[0] - tone).max() < 1e-3
    assert {pair for pair in rates if pair[0] != pair[1]} == {(44100, 16000), (16000, 44100)}
    assert rates.count((44100, 16000)) == 1 and rates.count((16000, 44100)) == 1


def peak_memory(registry, known, seconds):
    """Peak of numpy's memory while a track of noise at 1 kHz passes through."""
    length = seconds * 1000
    _, model = registry.load(known)
    request = Request(known.validate_options({}, {})[0])

    class Endless(ArrayMixture):
        length = 0

        def blocks(self):
            block = noise(self.block, 1)
            for first in range(0, self.length, self.block):
                yield block[:, : self.length - first]

    Endless.length = length
    mixture = Endless(np.zeros((1, 1), np.float32), 10_000, 1000)
    gc.collect()
    tracemalloc.start()
    done = sum(block.shape[-1] for block in model.separate(mixture, request, ignore))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done == length
    return peak


@pytest.mark.parametrize("kind", ["average", "median", "max-spectrum", "mean-spectrum", "chain"])
def test_memory_does_not_grow_with_the_track(kind):
    three = [toy(name, "out", rate=1000) for name in "abc"]
    registry = registry_of(*three, plugin=Toys(blocks={"a": 7000, "b": 11_000, "c": 30_000}))
    if kind == "chain":
        stages = [
            {"model": name, "input": before, "names": {"out": name}}
            for name, before in (("a", "mixture"), ("b", "a"), ("c", "b"))
        ]
        known = registry.compose("x", {"stages": stages})
    else:
        known = registry.compose("x", {"members": [*"abc"], "method": kind})
    peak_memory(registry, known, 10)  # fills what is cached for good
    short, long = (peak_memory(registry, known, 60 * minutes) for minutes in (5, 60))
    assert long <= 1.15 * short


def test_the_temporary_folder_is_used_and_left_clean(tmp_path):
    registry = registry_of(VOICES, BAND, PARTS)
    known = registry.compose("tree", TREE)
    _, model = registry.load(known, known.card.targets)
    options = known.validate_options({}, {})[0]
    mixture = ArrayMixture(noise(30_000))
    request = Request(options, False, tmp_path / "nowhere")
    with pytest.raises(SpoolError, match=r"temporary files cannot be written to .*nowhere"):
        list(model.separate(mixture, request, ignore))
    request = Request(options, False, tmp_path)
    running = model.separate(mixture, request, ignore)
    next(running)
    running.close()
    assert not list(tmp_path.iterdir())
    assert {asked.temp_dir for asked in [request]} == {tmp_path}


def test_a_full_disk_is_one_sentence(monkeypatch):
    def full(directory, size=0):
        return open("/dev/full", "r+b", buffering=0)  # noqa: PTH123

    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(spool, "open_scratch", full)
    registry = registry_of(VOICES, BAND, PARTS)
    with pytest.raises(SpoolError, match=r"cannot be written: No space left.*--temp-dir"):
        separate(registry, registry.compose("tree", TREE), noise(3000))


def test_progress_goes_from_stage_to_stage():
    registry = registry_of(VOICES, BAND, PARTS)
    known = registry.compose("tree", TREE)
    _, model = registry.load(known, known.card.targets)
    told = []
    request = Request(known.validate_options({}, {})[0])
    mixture = ArrayMixture(noise(3000))
    list(model.separate(mixture, request, lambda *event: told.append(event)))
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)
    assert (
        told[0][0] == "1/3 separating"
        and told[-1][0] == "3/3 separating"
        and told[-1][1] == pytest.approx(1)
    )


def test_a_chain_is_averaged_as_a_whole():
    registry = registry_of(VOICES, BAND, PARTS)
    chain = registry.compose("tree", TREE)
    mixture = noise(20_000)
    averaged = registry.averaged(chain)
    assert averaged.card.name == "tree" and averaged.card.targets == chain.card.targets
    options = {"shifts": "2", "polarity": "true", "gain": "0.5"}
    stems = separate(registry, averaged, mixture, options=options)
    plain = separate(registry, chain, mixture, options={"gain": "0.5"})
    assert np.abs(stems - plain).max() < 1e-7


def test_a_stage_that_fails_is_named():
    class Short(Toys):
        def load(self, card, weights, targets, device):
            model = super().load(card, weights, targets, device)
            if card.name == "band":
                make = model.separate
                model.separate = lambda *asked: itertools.islice(make(*asked), 1)
            return model

    registry = registry_of(VOICES, BAND, PARTS, plugin=Short())
    for combination in ("tree", "both"):
        table = TREE if combination == "tree" else {"members": ["band", "band"]}
        with pytest.raises(ModelError, match=r"toy is faulty: band ends after 1000 samples"):
            separate(registry, registry.compose(combination, table), noise(3000))
