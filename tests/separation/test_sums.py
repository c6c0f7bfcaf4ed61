"""What is left of the mixture: the residual of any model, and the rest that a card names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from running import Run
from sounds import music, write_float
from toys import Scripted, entry
from unmixcli import Separator
from unmixcli.errors import ModelError
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.interface import Block, Mixture

Install = Callable[..., None]
RECORDINGS = pytest.mark.parametrize(
    ("rate", "channels"), [(44100, 2), (44100, 1), (48000, 2), (48000, 1)]
)


def recording(rate: int, channels: int) -> np.ndarray:
    samples = music(0.7, rate, channels)
    return samples[:, 0] if channels == 1 else samples


@RECORDINGS
def test_the_residual_is_the_mixture_minus_the_stems_bit_by_bit(
    run: Run, install: Install, rate: int, channels: int
) -> None:
    """By a plugin that knows nothing of residuals, in arrays and in files."""
    plugin = Scripted()
    install(entry(plugin))
    samples = recording(rate, channels)
    stems = Separator(model="acted", residual=True).separate(samples, rate)
    assert list(stems) == ["vocals", "drums", "residual"]
    assert np.array_equal(stems["residual"], samples - (stems["vocals"] + stems["drums"]))
    assert np.abs(stems["residual"]).max() > 0.01
    assert not any(request.residual for request in plugin.loaded[0].requests)
    write_float(Path("song.wav"), samples, rate)
    assert run("separate", "song.wav", "-m", "acted", "--residual", "-o", "out").code == 0
    for name, stem in stems.items():
        written = soundfile.read(f"out/song/{name}.wav", dtype="float32")[0]
        assert np.array_equal(written, stem)


@RECORDINGS
def test_the_accompaniment_of_one_target(install: Install, rate: int, channels: int) -> None:
    plugin = Scripted()
    install(entry(plugin))
    samples = recording(rate, channels)
    stems = Separator(model="acted", targets="drums", residual=True).separate(samples, rate)
    assert plugin.loaded[0].targets == ("drums",)
    assert list(stems) == ["drums", "accompaniment"]
    assert np.array_equal(stems["accompaniment"], samples - stems["drums"])


def test_a_plugin_that_estimates_the_residual_is_asked_for_it(install: Install) -> None:
    def script(mixture: Mixture, targets: tuple[str, ...]) -> Iterator[Block]:
        for block in mixture.blocks():
            yield np.stack([block, block, np.zeros_like(block)])

    class Own(Scripted):
        estimates_residual = True

    plugin = Own(script=script)
    install(entry(plugin))
    stems = Separator(model="acted", residual=True).separate(music(0.2), 44100)
    assert [request.residual for request in plugin.loaded[0].requests] == [True]
    assert not stems["residual"].any()
    with pytest.raises(ModelError, match=r"shape \(3, 2, \d+\) instead of \(2 stems"):
        Separator(model="acted").separate(music(0.2), 44100)


# The rest


def pair(**fields: Any) -> ModelCard:
    known = {
        "name": "acted",
        "plugin": "toy",
        "targets": ("vocals", "instrumental"),
        "rest": "instrumental",
        "sample_rate": 44100,
    }
    return ModelCard.model_validate(known | fields)


@RECORDINGS
def test_a_pair_adds_up_to_the_mixture(
    run: Run, install: Install, rate: int, channels: int
) -> None:
    """The network is loaded for the one target, and the other is what it leaves."""
    plugin = Scripted((pair(channels=2),))
    install(entry(plugin))
    samples = recording(rate, channels)
    stems = Separator(model="acted").separate(samples, rate)
    assert plugin.loaded[0].targets == ("vocals",)
    assert list(stems) == ["vocals", "instrumental"]
    assert np.array_equal(stems["instrumental"], samples - stems["vocals"])
    # A sum is rounded once more than the difference.
    np.testing.assert_allclose(sum(stems.values()), samples, rtol=0, atol=2**-24)
    write_float(Path("song.wav"), samples, rate)
    assert run("separate", "song.wav", "-m", "acted", "-o", "out").code == 0
    for name, stem in stems.items():
        written = soundfile.read(f"out/song/{name}.wav", dtype="float32")[0]
        assert np.array_equal(written, stem)


@pytest.mark.parametrize("targets", ["instrumental", "instrumental,vocals"])
def test_the_rest_may_be_asked_for_alone_or_first(install: Install, targets: str) -> None:
    plugin = Scripted((pair(),))
    install(entry(plugin))
    samples = music(0.5)
    stems = Separator(model="acted", targets=targets).separate(samples, 44100)
    assert list(stems) == targets.split(",")
    assert plugin.loaded[0].targets == ("vocals",)
    assert np.array_equal(stems["instrumental"], samples - samples / np.float32(3))


def test_the_rest_of_several(install: Install) -> None:
    plugin = Scripted((pair(targets=("vocals", "other", "drums"), rest="other"),))
    install(entry(plugin))
    samples = music(0.5)
    separator = Separator(model="acted", targets="other,drums", residual=True, mix="m=other+drums")
    stems = separator.separate(samples, 44100)
    assert plugin.loaded[0].targets == ("drums", "vocals")
    drums, vocals = samples / np.float32(3), samples / np.float32(4)
    assert list(stems) == ["other", "drums", "residual", "m"]
    np.testing.assert_allclose(stems["other"], samples - drums - vocals, atol=1e-7)
    # What is left of the mixture when the rest is taken off as well.
    np.testing.assert_allclose(stems["residual"], vocals, atol=1e-7)
    np.testing.assert_allclose(stems["m"], samples - vocals, atol=1e-7)


# A model in a single file


class InFiles(Scripted):
    """Knows files that begin with ``ACT``."""

    def file_card(self, file: Path) -> ModelCard | None:
        content = file.read_bytes()
        if not content.startswith(b"ACT"):
            return None
        if content != b"ACTED":
            raise ModelError(f"{file} is damaged: it ends too early")
        weights = Weights(file=file.name, path=file)
        return pair(name=file.stem, weights=[weights])


def test_a_model_in_a_file(run: Run, install: Install) -> None:
    install(entry(InFiles()))
    Path("mine.act").write_bytes(b"ACTED")
    write_float(Path("song.wav"), music(0.3))
    assert run("separate", "song.wav", "--model", "mine.act", "--skip-existing").code == 0
    assert soundfile.info("song_mine/instrumental.wav").frames == 13230
    again = run("separate", "song.wav", "--model", "./mine.act", "--skip-existing")
    assert "skipped" in again.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ACT", "mine.act is damaged: it ends too early"),
        (b"RIFF", "no installed plugin recognises the model in mine.act"),
        (None, "mine.act"),
    ],
)
def test_a_file_that_is_no_model(
    run: Run, install: Install, content: bytes | None, words: str
) -> None:
    install(entry(InFiles()))
    if content is not None:
        Path("mine.act").write_bytes(content)
    write_float(Path("song.wav"), music(0.3))
    outcome = run("separate", "song.wav", "--model", "mine.act")
    assert outcome.code == 3
    assert words in outcome.error
