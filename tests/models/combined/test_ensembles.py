"""Ensembles: each method against the plain computation on whole tracks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from combinations import Toys, fixed, registry_of, separate, still, toy
from streams import noise

SPECTRAL = ("mean-spectrum", "median-spectrum", "max-spectrum", "min-spectrum", "phase-repair")


def whole_spectra(stems):
    """The STFT of whole stems in float64: (members, channels, bins, frames)."""
    window = torch.hann_window(4096, dtype=torch.float64)
    return [
        torch.stft(torch.tensor(s, dtype=torch.float64), 4096, 1024, window=window,
                   return_complex=True, pad_mode="reflect")
        for s in stems
    ]  # fmt: skip


def back(spectrum, length):
    window = torch.hann_window(4096, dtype=torch.float64)
    return torch.istft(spectrum, 4096, 1024, window=window, length=length).numpy()


def plain(method, stems, weights):
    """What a method is, written down on whole tracks."""
    length = stems[0].shape[-1]
    if method == "average":
        return sum(w * s.astype(float) for w, s in zip(weights, stems, strict=True)) / sum(weights)
    if method == "median":
        return np.median(np.stack(stems), 0)
    # A track too short to be reflected is followed by zeros first.
    stems = [np.pad(s, ((0, 0), (0, max(0, 2049 - length)))) for s in stems]
    spectra = torch.stack(whole_spectra(stems)).numpy()
    size = np.abs(spectra)
    w = np.reshape(weights, (-1, 1, 1, 1)) / sum(weights)
    if method == "mean-spectrum":
        result = (w * size).sum(0) * np.exp(1j * np.angle((w * spectra).sum(0)))
    elif method == "median-spectrum":
        result = np.median(size, 0) * np.exp(1j * np.angle(spectra.sum(0)))
    elif method == "phase-repair":
        bins = np.arange(2049) * 44100 / 4096
        inside = (bins >= 500) & (bins <= 5000)
        repaired = size[0] * np.exp(1j * np.angle(spectra[1]))
        result = np.where(inside[:, None], repaired, spectra[0])
    else:
        choose = size.argmax(0) if method == "max-spectrum" else size.argmin(0)
        result = np.take_along_axis(spectra, choose[None], 0)[0]
    return back(torch.tensor(result), stems[0].shape[-1])[:, :length]


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(("average", "median", *SPECTRAL)),
    members=st.integers(2, 4),
    length=st.integers(1, 60_000),
    channels=st.integers(1, 2),
    blocks=st.lists(st.integers(500, 30_000), min_size=4, max_size=4),
    weights=st.lists(st.floats(0.1, 3), min_size=4, max_size=4),
    block=st.integers(700, 20_000),
)
def test_every_method_equals_its_plain_computation(
    method, members, length, channels, blocks, weights, block
):
    members = 2 if method == "phase-repair" else members
    names = "abcd"[:members]
    weighted = method in ("average", "mean-spectrum")
    weights = weights[:members] if weighted else [1.0] * members
    registry = registry_of(
        *(still(name) for name in names),
        plugin=Toys(blocks=dict(zip(names, blocks, strict=False))),
    )
    table = {
        "method": method,
        "members": [
            {"model": n, "weights": {"vocals": w, "drums": 1.0}}
            for n, w in zip(names, weights, strict=True)
        ],
    }
    known = registry.compose("mixed", table)
    stems = separate(registry, known, noise(length, channels), block=block)
    assert stems.dtype == np.float32 and stems.shape == (2, channels, length)
    for row, target in enumerate(("vocals", "drums")):
        single = [fixed(target, n, channels, 2**18)[:, :length] for n in names]
        expected = plain(method, single, weights if row == 0 else [1.0] * members)
        assert np.abs(stems[row] - expected).max() < 1e-6


def test_one_member_is_that_member_and_twice_the_same_too():
    registry = registry_of(still("a"), still("b"))
    mixture = noise(30_001)
    alone = separate(registry, "a", mixture)
    once = registry.compose("once", {"members": ["a"], "method": "max-spectrum"})
    assert np.array_equal(separate(registry, once, mixture), alone)
    assert np.array_equal(separate(registry, "a+a", mixture), alone)
    assert np.array_equal(separate(registry, "a+a+a", mixture), alone)
    thirds = {"members": [{"model": "a", "weights": w} for w in (0.1, 0.7, 1 / 3)]}
    assert np.array_equal(separate(registry, registry.compose("x", thirds), mixture), alone)


@pytest.mark.parametrize("method", ["average", "max-spectrum"])
def test_a_target_of_one_member_passes_untouched(method):
    registry = registry_of(still("a"), still("b", "vocals"))
    table = {"members": ["a", "b"], "targets": ["drums", "vocals"], "method": method}
    known = registry.compose("x", table)
    mixture = noise(25_000)
    stems = separate(registry, known, mixture)
    drums = fixed("drums", "a", 2, 2**18)[:, :25_000]
    assert np.array_equal(stems[0], drums)
    alone = separate(registry, known, mixture, ["drums"])
    assert np.array_equal(alone[0], drums)
    vocals = [fixed("vocals", n, 2, 2**18)[:, :25_000] for n in "ab"]
    assert np.abs(stems[1] - plain(method, vocals, [1, 1])).max() < 1e-6


def test_members_of_other_rates_and_channels_line_up():
    """An impulse train through resamplers stays where it is."""
    registry = registry_of(
        toy("full", "vocals", parameters={"vocals": 1.0}),
        toy("half", "vocals", rate=22050, parameters={"vocals": 1.0}),
        toy("mono", "vocals", rate=16000, channels=1, parameters={"vocals": 1.0}),
    )
    known = registry.resolve("full+half+mono")
    assert known.card.sample_rate == 44100 and known.card.channels is None
    time = np.arange(44100 * 2 + 7) / 44100
    tone = np.sin(2 * np.pi * 440 * time) * np.hanning(len(time))
    mixture = np.stack([tone, tone]).astype(np.float32)
    stems = separate(registry, known, mixture)
    assert stems.shape == (1, *mixture.shape)
    assert np.abs(stems[0] - mixture).max() < 1e-3


def test_names_are_mapped_and_rests_take_part():
    registry = registry_of(
        toy("one", "vocals", "instrumental", rest="instrumental", parameters={"vocals": 0.25}),
        toy("two", "Vocals", "Music", parameters={"Vocals": 0.5, "Music": 0.125}),
    )
    table = {"members": ["one", {"model": "two", "targets": {"Vocals": "vocals",
             "Music": "instrumental"}}]}  # fmt: skip
    known = registry.compose("x", table)
    assert known.card.targets == ("vocals", "instrumental") and known.card.rest is None
    mixture = noise(5000)
    vocals, music = separate(registry, known, mixture)
    assert np.allclose(vocals, 0.375 * mixture) and np.allclose(music, 0.4375 * mixture)
    music = separate(registry, known, mixture, ["instrumental"])[0]
    assert np.allclose(music, 0.4375 * mixture)


def test_rests_in_common_are_left_to_the_engine():
    one = {"rest": "instrumental", "parameters": {"vocals": 0.25}}
    two = {"rest": "instrumental", "parameters": {"vocals": 0.75}}
    registry = registry_of(
        toy("a", "vocals", "instrumental", **one), toy("b", "vocals", "instrumental", **two)
    )
    assert registry.resolve("a+b").card.rest == "instrumental"
    largest = registry.compose("x", {"members": ["a", "b"], "method": "max-spectrum"})
    assert largest.card.rest is None
    mixture = noise(9000)
    stems = separate(registry, largest, mixture, ["vocals", "instrumental"])
    assert np.allclose(stems, 0.75 * np.stack([mixture, mixture]), atol=1e-6)


def test_averages_over_views_are_exact_for_a_model_that_does_not_care():
    registry = registry_of(toy("a", "vocals", parameters={"vocals": 0.5}))
    known = registry.compose("x", {"members": ["a"]})
    mixture = noise(50_000)
    options = {"shifts": "3", "polarity": "true", "exchange": "true"}
    assert np.array_equal(separate(registry, known, mixture, options=options)[0], 0.5 * mixture)
    known = registry.compose("y", {"members": ["a", "a"], "method": "median"})
    assert np.array_equal(separate(registry, known, mixture, options=options)[0], 0.5 * mixture)


def test_views_are_what_they_say():
    """A model that makes the same noise of anything shows how each view is undone."""
    registry = registry_of(still("a", "vocals"))
    known = registry.compose("x", {"members": ["a"]})
    length = 30_000
    made = fixed("vocals", "a", 2, 2**18)
    options = {"shifts": "2", "polarity": "true", "exchange": "true"}
    stems = separate(registry, known, noise(length), options=options)[0]
    plainly, later = made[:, :length], made[:, 11025 : 11025 + length]
    expected = (plainly + later.astype(float) - plainly + plainly[::-1]) / 4
    assert np.abs(stems - expected).max() < 1e-7
    mono = separate(registry, known, noise(length, 1), options={"exchange": "true"})[0]
    assert np.array_equal(mono, fixed("vocals", "a", 1, 2**18)[:, :length])


def test_options_reach_the_members_that_have_them():
    toys = Toys()
    registry = registry_of(toy("a"), toy("b"), plugin=toys)
    table = {"members": [{"model": "a", "options": {"gain": 2}}, "b"]}
    known = registry.compose("x", table)
    mixture = noise(3000)
    assert np.allclose(separate(registry, known, mixture)[0], 0.75 * mixture)
    assert np.allclose(separate(registry, known, mixture, options={"gain": "4"})[0], 2 * mixture)


def test_the_same_model_is_loaded_once():
    toys = Toys()
    registry = registry_of(toy("a"), toy("b"), plugin=toys)
    registry.load(registry.resolve("a+b+a"))
    assert [model.card.name for model in toys.loaded] == ["a", "b"]
