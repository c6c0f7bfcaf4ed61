"""Named sums of stems: their content, the request to the model, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile

import unmixcli
from running import Run, files
from sounds import music, write_aac, write_float
from streams import cut
from unmixcli.errors import UsageError
from unmixcli.models.cards import ModelCard
from unmixcli.options.config import SeparationConfig
from unmixcli.options.mixes import PRESETS
from unmixcli.separation.plan import Plan

FOUR = ("bass", "drums", "other", "vocals")


def plan(available: tuple[str, ...] = FOUR, **options: Any) -> Plan:
    card = ModelCard(name="toy", plugin="toy", targets=available, sample_rate=44100)
    return Plan.of(SeparationConfig.parse(**options), card, estimates_residual=False)


def read(name: str) -> np.ndarray:
    return soundfile.read(name, dtype="float32")[0]


def test_presets_and_the_option_agree() -> None:
    annotation = SeparationConfig.model_fields["preset"].annotation
    assert set(get_args(get_args(annotation)[0])) == set(PRESETS)


@pytest.mark.parametrize(
    ("options", "targets", "names"),
    [
        ({}, FOUR, FOUR),
        ({"preset": "karaoke"}, ("vocals",), ("karaoke",)),
        ({"preset": "acapella,karaoke"}, ("vocals",), ("acapella", "karaoke")),
        ({"preset": "drumless"}, ("drums",), ("drumless",)),
        ({"preset": "bassless", "only_mixes": False}, ("bass",), ("bass", "bassless")),
        ({"preset": "karaoke", "targets": FOUR}, FOUR, ("karaoke",)),
        ({"mix": ["k=drums+bass+other"]}, FOUR, (*FOUR, "k")),
        (
            {"mix": ["k=other+bass"], "only_mixes": True},
            ("bass", "other"),
            ("k",),
        ),
        ({"mix": ["r=residual"], "only_mixes": True}, FOUR, ("r",)),
        (
            {"mix": ["r=mixture-residual"], "targets": "vocals", "residual": True},
            ("vocals",),
            ("vocals", "accompaniment", "r"),
        ),
    ],
)
def test_what_the_model_is_asked_for(
    options: dict[str, Any], targets: tuple[str, ...], names: tuple[str, ...]
) -> None:
    made = plan(**options)
    assert (made.targets, made.names) == (targets, names)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mix": "k=drums+piano"}, "'piano' in 'drums[+]piano' is none of bass, drums, other"),
        ({"mix": "k=drums bass"}, "write it as a[+]b-c"),
        ({"mix": "k=drums+"}, "write it as a[+]b-c"),
        ({"mix": "k=+-drums"}, "write it as a[+]b-c"),
        ({"mix": "drums"}, "not of the form NAME=a[+]b-c"),
        ({"mix": "=drums"}, "not of the form"),
        ({"mix": "k="}, "not of the form"),
        ({"mix": "../k=drums"}, "cannot be called '../k'"),
        ({"mix": ".k=drums"}, "cannot be called"),
        ({"mix": "k.=drums"}, "cannot be called"),
        ({"mix": "Vocals=drums"}, "would be called 'Vocals'"),
        ({"mix": ["a=drums", "A=bass"]}, "would be called 'A'"),
        ({"mix": "k=drums", "targets": "vocals"}, "needs the target drums, which --targets leaves"),
        ({"mix": "k=mixture", "only_mixes": True}, "nothing to separate"),
        ({"only_mixes": True}, "no mix to write"),
        ({"preset": "disco"}, "karaoke, acapella, drumless or bassless"),
    ],
)
def test_mixes_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(**options)


HEADS = ModelCard(
    name="heads",
    plugin="toy",
    targets=("vocals", "lead", "drums", "kick", "other"),
    default_targets=("vocals", "drums", "other"),
    rest="other",
    sample_rate=44100,
)


@pytest.mark.parametrize(
    ("options", "targets", "names"),
    [
        ({}, ("vocals", "drums"), ("vocals", "drums", "other")),
        ({"targets": "kick"}, ("kick",), ("kick",)),
        ({"targets": "lead,other"}, ("lead", "vocals", "drums"), ("lead", "other")),
        ({"preset": "karaoke"}, ("vocals",), ("karaoke",)),
        ({"targets": "lead", "residual": True}, ("lead",), ("lead", "accompaniment")),
    ],
)
def test_overlapping_targets_are_not_all_written(
    options: dict[str, Any], targets: tuple[str, ...], names: tuple[str, ...]
) -> None:
    made = Plan.of(SeparationConfig.parse(**options), HEADS, estimates_residual=False)
    assert (made.targets, made.names) == (targets, names)
    if "other" in names:  # the mixture minus the other default stems, whatever else is asked for
        weights = dict(zip(made.targets, made.parts[names.index("other")], strict=False))
        assert weights == {"vocals": -1, "drums": -1} | ({"lead": 0} if "lead" in targets else {})


def test_a_preset_that_the_model_has_no_stems_for() -> None:
    with pytest.raises(UsageError, match="'vocals' in 'mixture-vocals' is none of speech, noise"):
        plan(("speech", "noise"), preset="karaoke")


def test_a_minus_in_a_target_is_no_minus() -> None:
    made = plan(("lead", "lead-vocals", "vocals"), mix="m=mixture - lead-vocals - lead")
    assert made.targets == ("lead", "lead-vocals", "vocals")
    assert made.parts[-1] == (-1, -1, 0, 1)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("mixture-0.5*drums", (-0.5, 1.0)),
        ("mixture - drums * .5", (-0.5, 1.0)),
        ("drums-20dB+mixture", (0.1, 1.0)),
        ("drums -6 dB", (10 ** (-6 / 20), 0.0)),
        ("mixture-drums+20db", (-10.0, 1.0)),
        ("2*drums-20dB", (0.2, 0.0)),
        ("mixture-0*drums", (0.0, 1.0)),
    ],
)
def test_gains(text: str, weights: tuple[float, float]) -> None:
    made = plan(mix=f"m={text}", only_mixes=True)
    assert made.targets == ("drums",)
    assert made.parts[0] == pytest.approx(weights)
    (stem,), (mixture,) = np.ones((1, 1, 1, 3), np.float32), np.ones((1, 1, 3), np.float32)
    (out,) = made.mix([stem[None]], [mixture])
    np.testing.assert_allclose(out, sum(weights), rtol=1e-6)


@pytest.mark.parametrize("text", ["0.5*", "drums*x", "drums-6", "3drums", "-*drums", "drums-6dBx"])
def test_gains_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match=r"write it as a\+b-c, with gains as in a-0.5\*b or a-6dB"):
        plan(mix=f"m={text}")


def test_terms_add_up_and_may_repeat() -> None:
    made = plan(mix="m=-drums+vocals+vocals")
    assert made.targets == FOUR
    assert made.parts[-1] == (0, -1, 0, 2, 0)


def test_the_mixture_keeps_step_with_the_stems() -> None:
    """Whatever the sizes of the blocks on either side."""
    made = plan(("a", "b"), mix="m=mixture-a+b")
    random = np.random.default_rng(0)
    stems = random.normal(size=(2, 2, 10000)).astype(np.float32)
    mixture = random.normal(size=(2, 10000)).astype(np.float32)
    out = made.mix(cut(stems, [1, 4000, 0, 99, 3000]), cut(mixture, [3, 70, 8000]))
    out = np.concatenate(list(out), -1)
    np.testing.assert_array_equal(out[:2], stems)
    np.testing.assert_allclose(out[2], mixture - stems[0] + stems[1], atol=1e-6)


def test_the_mixture_is_left_alone_where_it_is_not_needed() -> None:
    def never() -> Iterator[np.ndarray]:
        raise AssertionError
        yield

    stems = np.ones((4, 2, 10), np.float32)
    assert len(list(plan().mix([stems], never()))) == 1
    assert len(list(plan(mix="k=drums+bass").mix([stems], never()))) == 1


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 2), (22050, 1)])
def test_sums_on_disk(run: Run, tiny_model: Path, rate: int, channels: int) -> None:
    samples = music(1.5, rate, channels)
    write_float(Path("song.wav"), samples, rate)
    mixes = ["--mix", "band=drums+bass+other", "--mix", "back=mixture-vocals,all=mixture"]
    assert run("separate", "song.wav", "-m", tiny_model, *mixes, "-o", "out").code == 0
    stem = {name: read(f"out/song/{name}.wav") for name in (*FOUR, "band", "back", "all")}
    samples = samples[:, 0] if channels == 1 else samples
    np.testing.assert_array_equal(stem["all"], samples)
    np.testing.assert_allclose(stem["back"] + stem["vocals"], samples, atol=1e-6)
    np.testing.assert_allclose(
        stem["band"], stem["drums"] + stem["bass"] + stem["other"], atol=1e-6
    )


def test_of_a_decoded_excerpt(run: Run, tiny_model: Path) -> None:
    """Three readings of one temporary file that has no name, two of them at once."""
    write_aac(Path("song.m4a"), music(4))
    cut = ["--start", 1, "--duration", 2]
    options = ["--mix", "back=mixture-vocals,all=mixture", "-t", "vocals", *cut]
    assert run("separate", "song.m4a", "-m", tiny_model, *options, "-o", "out").code == 0
    back, vocals, everything = (read(f"out/song/{name}.wav") for name in ("back", "vocals", "all"))
    assert everything.shape == (88200, 2)
    np.testing.assert_allclose(back + vocals, everything, atol=1e-6)
    error = everything - music(4)[44100:132300]
    assert np.square(error).mean() < 0.1 * np.square(everything).mean()


def test_a_preset_writes_one_file_and_loads_one_network(
    run: Run, tiny_model: Path, tmp_path: Path
) -> None:
    """The other networks may as well not be there."""
    import shutil

    model = shutil.copytree(tiny_model, tmp_path / "one")
    for name in ("drums", "bass", "other"):
        (model / f"{name}.pth").write_bytes(b"not read")
    write_float(Path("song.wav"), music(1))
    assert run("separate", "song.wav", "-m", model, "--preset", "karaoke", "-o", "out").code == 0
    assert files() == ["out/song/.unmix.json", "out/song/karaoke.wav", "song.wav"]
    vocals = unmixcli.Separator(model=str(model), targets=("vocals",)).separate(music(1), 44100)
    np.testing.assert_allclose(read("out/song/karaoke.wav"), music(1) - vocals["vocals"], atol=1e-6)


@pytest.mark.parametrize(("targets", "name"), [("vocals", "accompaniment"), ("", "residual")])
def test_the_residual_by_either_name(tiny_model: Path, targets: str, name: str) -> None:
    options = {"model": str(tiny_model), "targets": targets}
    wanted = unmixcli.Separator(**options, residual=True).separate(music(1), 44100)[name]
    for term in ("residual", "accompaniment"):
        separator = unmixcli.Separator(**options, mix=f"rest={term}")
        assert separator.stem_names[-1] == "rest"
        assert name not in separator.stem_names
        np.testing.assert_array_equal(separator.separate(music(1), 44100)["rest"], wanted)


def test_mixes_of_an_array(tiny_model: Path) -> None:
    samples = music(1, 48000, 1)[:, 0]
    stems = unmixcli.Separator(model=str(tiny_model), preset="karaoke", only_mixes=False).separate(
        samples, 48000
    )
    assert list(stems) == ["vocals", "karaoke"]
    np.testing.assert_allclose(stems["vocals"] + stems["karaoke"], samples, atol=1e-6)
