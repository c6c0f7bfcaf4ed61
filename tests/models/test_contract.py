"""What plugins owe, enforced: one sentence that names the plugin, and nothing left behind."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import unmixcli
from running import Run, files
from sounds import music, write_float
from streams import ArrayMixture, noise
from toys import Scripted, Toy, entry, shares
from unmixcli.errors import InputError, ModelError
from unmixcli.models.cards import ModelCard
from unmixcli.models.contract import Contract
from unmixcli.models.interface import Block, Mixture
from unmixcli.models.registry import Registry

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

LENGTH = 30_000
HALF = LENGTH // 2
Targets = tuple[str, ...]
Install = Callable[..., None]


def good(mixture: Mixture, count: int = 2) -> Block:
    """Return a correct half of the stems."""
    return np.full((count, mixture.channels, HALF), 0.25, np.float32)


def spoilt(value: float) -> Callable[[Mixture, Targets], Iterator[Block]]:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Block]:
        yield good(mixture)
        second = good(mixture)
        second[1, 0, 700] = value
        yield second

    return script


def as_type(kind: str) -> Callable[[Mixture, Targets], Iterator[Any]]:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Any]:
        yield good(mixture)
        yield good(mixture).astype(kind)

    return script


def of_shape(change: Callable[[Block], Any]) -> Callable[[Mixture, Targets], Iterator[Any]]:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Any]:
        yield good(mixture)
        yield change(good(mixture))

    return script


def that_raises(error: BaseException) -> Callable[[Mixture, Targets], Iterator[Block]]:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Block]:
        yield good(mixture)
        raise error

    return script


def too_few(mixture: Mixture, targets: Targets) -> Iterator[Block]:
    yield good(mixture)


def too_many(mixture: Mixture, targets: Targets) -> Iterator[Block]:
    yield from (good(mixture) for _ in range(3))


def one_too_many(mixture: Mixture, targets: Targets) -> Iterator[Block]:
    yield from (good(mixture) for _ in range(2))
    yield good(mixture)[..., :1]


def without_end(mixture: Mixture, targets: Targets) -> Iterator[Block]:
    while True:
        yield good(mixture)


def none_at_the_end(mixture: Mixture, targets: Targets) -> Iterator[Any]:
    yield from (good(mixture) for _ in range(2))
    yield None


def raises_at_once(mixture: Mixture, targets: Targets) -> Any:
    raise KeyError("weights")


def fails_on_close(mixture: Mixture, targets: Targets) -> Iterator[Block]:
    try:
        yield good(mixture)
        yield good(mixture)[:1]
    finally:
        raise RuntimeError("close")


class Odd:
    """An iterator that is no generator, and fails as one cannot."""

    def __init__(self, mixture: Mixture, targets: Targets) -> None:
        self.mixture = mixture

    def __iter__(self) -> Odd:
        return self

    def __next__(self) -> Block:
        raise GeneratorError

    def close(self) -> None:
        raise SystemExit(0)


class GeneratorError(Exception):
    """Without a text."""


FAULTY = "the plugin toy is faulty: acted "
FAILED = "the plugin toy failed while separating (acted): "
REPORT = "no stem was kept. Please report this to the plugin's author"

FAULTS = {
    "too few samples": (
        too_few,
        f"{FAULTY}ends after {HALF} samples, but the mixture has",
    ),
    "too many samples": (too_many, f"{FAULTY}yields more than the mixture's {LENGTH} samples"),
    "one sample too many": (one_too_many, f"{FAULTY}yields more than the mixture's {LENGTH} samp"),
    "samples without end": (without_end, f"{FAULTY}yields more than the mixture's {LENGTH} samp"),
    "nothing": (lambda *_: iter(()), f"{FAULTY}yields nothing, but the mixture has {LENGTH}"),
    "an empty list": (lambda *_: [], f"{FAULTY}yields nothing, but the mixture has {LENGTH}"),
    "a stem missing": (
        of_shape(lambda block: block[:1]),
        f"{FAULTY}yields a block of shape (1, 2, {HALF}) instead of (2 stems, 2 channels, samples)",
    ),
    "a stem too many": (
        of_shape(lambda block: np.concatenate([block, block])),
        f"{FAULTY}yields a block of shape (4, 2, {HALF}) instead of (2 stems, 2 channels, samples)",
    ),
    "one channel": (
        of_shape(lambda block: block[:, :1]),
        f"{FAULTY}yields a block of shape (2, 1, {HALF}) instead of (2 stems, 2 channels, samples)",
    ),
    "another rank": (
        of_shape(lambda block: block[0]),
        f"{FAULTY}yields a block of shape (2, {HALF}) instead of (2 stems, 2 channels, samples)",
    ),
    "no rank": (
        of_shape(lambda block: np.float32(1)),
        f"{FAULTY}yields float32 instead of float32",
    ),
    "NaN": (spoilt(np.nan), f"a finite number (stem 2, sample {HALF + 700})"),
    "infinity": (spoilt(np.inf), f"a finite number (stem 2, sample {HALF + 700})"),
    "minus infinity": (spoilt(-np.inf), f"a finite number (stem 2, sample {HALF + 700})"),
    "a double beyond float32": (
        of_shape(lambda block: np.where(np.arange(HALF) == 700, 1e300, block.astype("f8"))),
        f"a finite number (stem 1, sample {HALF + 700})",
    ),
    "int16": (as_type("i2"), f"{FAULTY}yields int16 instead of float32 arrays"),
    "complex": (as_type("c8"), f"{FAULTY}yields complex64 instead of float32 arrays"),
    "objects": (as_type("O"), f"{FAULTY}yields object instead of float32 arrays"),
    "a list": (of_shape(lambda block: block.tolist()), f"{FAULTY}yields list instead of float32"),
    "None": (of_shape(lambda block: None), f"{FAULTY}yields None instead of float32 arrays"),
    "None at the end": (none_at_the_end, f"{FAULTY}yields None instead of float32 arrays"),
    "no blocks": (lambda *_: 3, "the plugin toy does not yield blocks (acted): TypeError: 'int'"),
    "None for blocks": (lambda *_: None, "the plugin toy does not yield blocks (acted): TypeError"),
    "an exception": (that_raises(ValueError("no\nluck")), f"{FAILED}ValueError: no luck"),
    "an exception at once": (raises_at_once, f"{FAILED}KeyError: 'weights'"),
    "an exception without words": (Odd, f"{FAILED}GeneratorError"),
    "exit": (that_raises(SystemExit(0)), f"{FAILED}SystemExit: 0"),
    "an exception on close": (
        fails_on_close,
        f"{FAULTY}yields a block of shape (1, 2, {HALF}) instead of (2 stems, 2 channels, samples)",
    ),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, install: Install) -> str:
    """Install a plugin that breaks the contract; return what is said about it."""
    script, words = FAULTS[request.param]
    install(entry(Scripted(script=script)))
    return words


def song(name: str = "song.wav") -> Path:
    return write_float(Path(name), music(LENGTH / 44100))


def test_through_the_command(run: Run, fault: str) -> None:
    before = [str(song("other.wav")), str(song())]
    outcome = run("separate", "song.wav", "--model", "acted", "--clip", "none")
    assert outcome.code == 1
    assert fault in outcome.error
    assert ("is faulty" not in outcome.error) or REPORT in outcome.error
    assert "warning" not in outcome.err.lower()
    assert files() == before
    assert not Path("song_acted").exists()


def test_through_the_library(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    separator = unmixcli.Separator(model="acted", page=True)
    with pytest.raises(ModelError) as caught:
        separator.separate(music(LENGTH / 44100), 44100)
    assert fault in str(caught.value)
    with pytest.raises(ModelError) as caught:
        separator.separate_file(song())
    assert fault in str(caught.value)
    assert files() == ["song.wav"]


def test_stems_that_exist_are_kept(run: Run, install: Install) -> None:
    """--overwrite replaces stems by new ones, not by the half of them."""
    song()
    install(entry(Scripted()))
    assert run("separate", "song.wav", "-m", "acted").code == 0
    before = {name: Path(name).read_bytes() for name in files()}
    install(entry(Scripted(script=too_few)))
    assert run("separate", "song.wav", "-m", "acted", "--overwrite").code == 1
    assert {name: Path(name).read_bytes() for name in files()} == before


def test_a_fault_does_not_stop_a_batch(run: Run, install: Install) -> None:
    """One recording is too long for the plugin; exit code and summary say so."""
    write_float(Path("long.wav"), music(2))
    song()
    install(entry(Scripted(script=lambda mixture, _: [good(mixture), good(mixture)])))
    outcome = run("separate", "long.wav", "song.wav", "-m", "acted")
    assert outcome.code == 1
    assert "acted ends after 30000 samples, but the mixture has 88200" in outcome.error
    assert soundfile.info("song_acted/drums.wav").frames == LENGTH
    assert not Path("long_acted").exists()


# What is allowed


@pytest.mark.parametrize("kind", [">f4", "<f4", "f2", "f8", ">f8", "g"])
def test_any_floating_type_is_cast_once(kind: str) -> None:
    samples = noise(1000)
    values = np.stack([samples, samples / 3]).astype(kind)
    contract = Contract("acted", "toy", 2, 2, 1000)
    (block,) = contract.enforce(lambda: iter([values]))
    assert block.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(block, values.astype("f4"))


def test_float32_is_passed_on_as_it_is() -> None:
    values = np.ones((2, 2, 1000), np.float32)
    (block,) = Contract("acted", "toy", 2, 2, 1000).enforce(lambda: [values])
    assert block is values


def test_empty_blocks_and_odd_sizes(install: Install) -> None:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Block]:
        samples = np.concatenate(list(mixture.blocks()), -1)
        stems = np.stack([samples, samples])
        for first, end in pairwise((0, 0, 1, 1, 29_999, 30_000, 30_000)):
            yield stems[..., first:end]

    install(entry(Scripted(script=script)))
    samples = music(LENGTH / 44100)
    stems = unmixcli.Separator(model="acted").separate(samples, 44100)
    assert all(np.array_equal(stem, samples) for stem in stems.values())


def test_the_highest_numbers_are_no_fault() -> None:
    """Sums of many of them are beyond float32, not beyond the check."""
    most = np.full((1, 2, 100_000), np.finfo(np.float32).max, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (block,) = Contract("acted", "toy", 1, 2, 100_000).enforce(lambda: [most])
    assert block is most


def test_errors_of_ours_are_told_as_they_are(run: Run, install: Install) -> None:
    song()
    install(entry(Scripted(script=that_raises(InputError("this is no music")))))
    outcome = run("separate", "song.wav", "-m", "acted")
    assert (outcome.code, outcome.error) == (1, "error: song.wav: this is no music")
    assert files() == ["song.wav"]


# Leaving early


def test_a_plugin_is_closed_whoever_stops() -> None:
    closed = []

    def script() -> Iterator[Block]:
        try:
            while True:
                yield np.zeros((1, 1, 10), np.float32)
        finally:
            closed.append(True)

    blocks = Contract("acted", "toy", 1, 1, 1000).enforce(script)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert closed == [True]
    with pytest.raises(ModelError, match="yields more"):
        list(Contract("acted", "toy", 1, 1, 15).enforce(script))
    assert closed == [True, True]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_plugin_works_ends_the_run(
    run: Run, install: Install, number: signal.Signals, code: int
) -> None:
    """It is no fault of the plugin's, although it arrives in its code."""

    def script(mixture: Mixture, targets: Targets) -> Iterator[Block]:
        yield good(mixture)
        signal.raise_signal(number)
        yield good(mixture)

    song()
    song("another.wav")
    install(entry(Scripted(script=script)))
    outcome = run("separate", "song.wav", "another.wav", "-m", "acted")
    assert outcome.code == code
    assert "plugin" not in outcome.err
    assert files() == ["another.wav", "song.wav"]


# Around the separation


class Failing(Scripted):
    """Fails at whatever it is asked."""

    def check(self, card: ModelCard) -> None:
        raise self.error

    error: BaseException = ZeroDivisionError("no\ncores")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("no\ncores"), "failed to check acted: ZeroDivisionError: no cores"),
        (SystemExit(0), "failed to check acted: SystemExit: 0"),
        (ModelError("acted needs a harp"), "acted needs a harp"),
    ],
)
def test_a_plugin_that_fails_to_check(
    run: Run, install: Install, error: BaseException, words: str
) -> None:
    song()
    plugin = Failing()
    plugin.error = error
    install(entry(plugin))
    outcome = run("separate", "song.wav", "-m", "acted")
    assert outcome.code == 3
    assert words in outcome.error
    assert files() == ["song.wav"]


@pytest.mark.parametrize("kind", ["folder_card", "file_card"])
def test_a_plugin_that_fails_to_recognise_does_not_stop_others(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model"
    path.mkdir() if kind == "folder_card" else path.touch()

    def fail(path: Path) -> ModelCard:
        raise IndexError("header")

    def know(path: Path) -> ModelCard:
        return ModelCard(name="m", plugin="b", targets=["vocals"], sample_rate=44100)

    broken, able = Toy(), Toy()
    vars(broken)[kind], vars(able)[kind] = fail, know
    both = Registry(entry_points=[entry(broken, "a"), entry(able, "b")])
    assert both.resolve(str(path)).card.name == "m"
    alone = Registry(entry_points=[entry(broken, "a")])
    with pytest.raises(ModelError, match=r"the plugin a failed to look at .*: IndexError: header"):
        alone.resolve(str(path))


@pytest.mark.parametrize(
    "fields",
    [
        {"sample_rate": None},
        {"sample_rate": 0},
        {"sample_rate": "44100"},
        {"channels": 6},
        {"channels": "two"},
        {"separate": None},
    ],
)
def test_a_model_that_is_none(install: Install, fields: dict[str, Any]) -> None:
    class Model:
        targets, sample_rate, channels = ("vocals", "drums"), 44100, None

        def separate(self, mixture: Mixture, request: Any, progress: Any) -> Iterator[Block]:
            return shares(mixture, self.targets)

    class Plugin(Scripted):
        def load(self, *_: Any) -> Any:
            return type("Made", (Model,), fields)()

    install(entry(Plugin()))
    with pytest.raises(ModelError, match=r"the plugin toy is faulty: it loaded acted as Made"):
        unmixcli.Separator(model="acted")


def test_a_mixture_may_be_read_as_often_as_a_model_likes(install: Install) -> None:
    def script(mixture: Mixture, targets: Targets) -> Iterator[Block]:
        first = np.concatenate(list(mixture.blocks()), -1)
        assert np.array_equal(first, np.concatenate(list(mixture.blocks()), -1))
        assert first.shape == (mixture.channels, mixture.length)
        yield from shares(ArrayMixture(first), targets)

    install(entry(Scripted(script=script)))
    stems = unmixcli.Separator(model="acted").separate(music(0.5, 48000), 48000)
    assert set(stems) == {"vocals", "drums"}
