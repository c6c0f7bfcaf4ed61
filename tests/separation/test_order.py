"""Orders: worked out once, frozen, the same in another process; warnings and pages follow."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from networks import four_states, write_folder
from running import Outcome, Run, environment
from sounds import music, write_float
from toys import Scripted, entry
from unmixcli.errors import UsageError
from unmixcli.files import hashing
from unmixcli.models.openunmix.options import Options as OpenUnmixOptions
from unmixcli.models.registry import Registry
from unmixcli.options.config import SHORTHANDS, SeparationConfig
from unmixcli.separation.order import Order
from unmixcli.separation.separator import Separator

Install = Callable[..., None]


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: float = Field(default=10.0, gt=0)


class WithOptions(Scripted):
    options = Options


def order(model: str | Path, **options: Any) -> Order:
    config = SeparationConfig.parse(model=str(model), **options)
    return Order.of(config, Registry())


# What an order is


def test_frozen(tiny_model: Path) -> None:
    one = order(tiny_model, niter=2)
    with pytest.raises(FrozenInstanceError):
        one.config = SeparationConfig()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        one.request.residual = True  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        one.config.niter = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        one.options.niter = 3  # type: ignore[union-attr]


FULL = {
    "targets": "vocals,drums",
    "residual": True,
    "niter": 2,
    "softmask": True,
    "alpha": 0.5,
    "mix": "k=mixture-vocals",
    "format": "flac",
    "filename": "{track} {target}.{ext}",
    "outdir": "out",
}


def test_unpickled_it_is_the_same(tiny_model: Path) -> None:
    one = order(tiny_model, **FULL)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert again.request == one.request and again.recipe == one.recipe
    assert again.settings == one.settings
    assert again.settled(Registry()) == one.settled(Registry())


SEPARATE = """
import pickle, sys
import numpy as np
from unmixcli.models.registry import Registry
from unmixcli.separation.separator import Separator

order = pickle.load(sys.stdin.buffer)
separator = Separator.of(order, Registry())
stems = separator.separate(np.load(sys.argv[1]), 44100)
np.savez(sys.argv[2], **stems)
"""


def test_in_another_process_it_gives_the_same_stems(tiny_model: Path, tmp_path: Path) -> None:
    one = order(tiny_model, **FULL)
    samples = music(1)
    np.save(tmp_path / "in.npy", samples)
    command = [sys.executable, "-c", SEPARATE, str(tmp_path / "in.npy"), str(tmp_path / "out.npz")]
    done = subprocess.run(
        command, input=pickle.dumps(one), env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    stems = Separator.of(one, Registry()).separate(samples, 44100)
    with np.load(tmp_path / "out.npz") as there:
        assert set(there) == set(stems) == {"vocals", "drums", "residual", "k"}
        for name, stem in stems.items():
            np.testing.assert_allclose(there[name], stem, atol=1e-6)


def test_a_plugins_options_reach_its_model_as_one_object(install: Install) -> None:
    plugin = WithOptions()
    install(entry(plugin))
    separator = Separator(model="acted", options={"segment": "2.5"}, niter=2)
    separator.separate(music(0.2), 44100)
    separator.separate(music(0.2), 44100)
    (model,) = plugin.loaded
    first, second = model.requests
    assert first.options == Options(segment=2.5)
    assert first.options is second.options is separator.order.options
    assert not first.residual


# Worked out once


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count registries, models that are resolved, and readings of whole files."""
    found: Counter[str] = Counter()

    def count(owner: Any, name: str, what: Callable[..., str]) -> None:
        real = getattr(owner, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            found[what(*arguments)] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, counting)

    count(Registry, "__init__", lambda *_: "registries")
    count(Registry, "resolve", lambda _, model: f"resolved {model}")
    count(Order, "of", lambda *_: "orders")
    hashing._digest.cache_clear()
    count(hashing.hashlib, "file_digest", lambda file, _: Path(str(file.name)).name)
    return found


@pytest.mark.parametrize("model", ["folder", "umx-synth"])
def test_however_many_recordings(
    run: Run, tmp_path: Path, counts: Counter[str], model: str
) -> None:
    """A run resolves its model as often for three as for one, and hashes its weights once."""
    if model == "folder":
        model = str(write_folder(tmp_path / "mine", four_states(hidden=16)))
    common = ["-m", model, "--niter", "0", "-t", "vocals,drums", "--skip-existing"]
    for k in range(3):
        write_float(Path(f"{k}.wav"), music(0.3, seed=k))
    assert run("separate", "0.wav", *common, "-o", "one").code == 0
    alone = Counter(counts)
    hashing._digest.cache_clear()
    counts.clear()
    assert run("separate", "0.wav", "1.wav", "2.wav", *common, "-o", "three").code == 0
    assert alone["registries"] == counts["registries"] == 1
    assert alone["orders"] == counts["orders"] == 1
    assert alone[f"resolved {model}"] == counts[f"resolved {model}"] <= 2
    weights = {name: count for name, count in counts.items() if name.endswith((".pth", "tensors"))}
    # The digest of what ships is known from its card.
    assert weights == ({"vocals.pth": 1, "drums.pth": 1} if "mine" in model else {})


# Options that a model does not have


def test_idle_options_are_told_of_once_a_model(run: Run, install: Install) -> None:
    install(entry(WithOptions()))
    for name in "abc":
        write_float(Path(f"{name}.wav"), music(0.2))
    outcome = run("separate", "a.wav", "b.wav", "c.wav", "-m", "acted", "--niter", 2, "--softmask")
    assert outcome.code == 0
    words = "warning: --niter, --softmask has no effect: acted has no such option"
    assert outcome.err.count(words) == 1
    assert outcome.err.count("has no effect") == 1
    quiet = run("separate", "a.wav", "-m", "acted", "-o", "quiet")
    assert "has no effect" not in quiet.err


def test_a_shorthand_and_the_option_are_the_same(tiny_model: Path) -> None:
    one, other = order(tiny_model, niter=3), order(tiny_model, options={"niter": "3"})
    assert one.options == other.options == OpenUnmixOptions(niter=3)
    assert one.recipe == other.recipe
    with pytest.raises(UsageError, match="niter is given twice"):
        order(tiny_model, niter=3, options={"niter": "3"})


def test_skipping_is_not_undone_by_an_option_without_effect(run: Run, install: Install) -> None:
    """Stems of a model without niter are finished, whatever --niter says."""
    install(entry(WithOptions()))
    write_float(Path("song.wav"), music(0.2))
    common = ["separate", "song.wav", "-m", "acted", "--skip-existing"]

    def done(*options: object) -> Outcome:
        outcome = run(*common, *options)
        assert outcome.code == 0
        return outcome

    done()
    for options in (["--niter", 0], ["--niter", 5, "--alpha", 2], ["--wiener-win-len", 0]):
        assert "skipped" in done(*options).err
    outcome = run(*common, "--option", "segment=3")
    assert outcome.code == 1
    assert "made with segment 10.0 instead of 3.0" in outcome.error


# What the page says


def test_settings_are_those_that_changed_the_stems(tiny_model: Path) -> None:
    one = order(
        tiny_model,
        softmask=True,
        alpha=0.5,
        outdir="o",
        page=True,
        overwrite=True,
        device="cpu",
        start=1.5,
        format="flac",
    )
    assert set(one.settings) == {
        "--niter 1",
        "--softmask",
        "--alpha 0.5",
        "--start 1.5",
        "--format flac",
    }


def test_the_page_tells_of_options_that_the_model_has(
    run: Run, install: Install, tiny_model: Path
) -> None:
    write_float(Path("song.wav"), music(0.5))
    assert run("separate", "song.wav", "-m", tiny_model, "--page", "-o", "umx").code == 0
    assert "<code>--niter 1</code>" in Path("umx/song/index.html").read_text()
    install(entry(WithOptions()))
    assert run("separate", "song.wav", "-m", "acted", "--page", "-o", "plain").code == 0
    page = Path("plain/song/index.html").read_text()
    assert "niter" not in page and "<dt>Options</dt>" not in page
    options = ["--option", "segment=3", "--niter", 4]
    assert run("separate", "song.wav", "-m", "acted", "--page", "-o", "some", *options).code == 0
    page = Path("some/song/index.html").read_text()
    assert "<code>--option segment=3.0</code>" in page and "niter" not in page


def test_the_page_of_hybrid_demucs(tmp_path: Path, home: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchaudio.models", exc_type=Exception)
    from torchaudio_networks import SOURCES, tiny

    home.mkdir(exist_ok=True)
    torch.save(tiny().state_dict(), tmp_path / "tiny.pt")
    (home / "models.toml").write_text(
        f'[mine]\nplugin = "hdemucs"\ntargets = {list(SOURCES)}\nsample_rate = 8000\n'
        f'channels = 2\n[[mine.weights]]\nfile = "tiny.pt"\npath = "{tmp_path / "tiny.pt"}"\n'
    )
    write_float(tmp_path / "song.wav", music(0.5, 8000), 8000)
    separator = Separator(model="mine", page=True, outdir=tmp_path, options={"overlap": "0.2"})
    track = separator.separate_file(tmp_path / "song.wav")
    assert track.page is not None
    page = track.page.read_text()
    assert "niter" not in page and "<code>--option overlap=0.2</code>" in page


def test_every_shorthand_is_an_option_of_open_unmix() -> None:
    assert tuple(OpenUnmixOptions.model_fields) == SHORTHANDS
