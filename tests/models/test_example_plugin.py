"""Plugins by a stranger: the example of docs/examples, and the one that docs/plugins.md writes.

Both are built, installed by pip into a fresh environment, listed and run there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "unmix-hpss"
UNMIX = "from unmixcli.cli.models import app; app()"


def run(*command: str | Path, **how) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader of docs/plugins.md has after the first section."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("page")
    for name, language in (("pyproject.toml", "toml"), ("unmix_centre.py", "python")):
        block = re.search(rf"`{name}`:\n\n```{language}\n(.*?)```", text, re.DOTALL)
        assert block is not None
        (folder / name).write_text(block[1], encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, page: Path) -> Path:
    """The python of a fresh environment with both plugins installed in it."""
    pytest.importorskip("pip")
    pytest.importorskip("hatchling", reason="the plugins are built with hatchling")
    pytest.importorskip("scipy", reason="the example needs scipy")
    folder = tmp_path_factory.mktemp("stranger")
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    # What is installed here counts as installed there: torch takes minutes to install.
    there = [path for path in sys.path if Path(path).is_dir() and not path.endswith("tests")]
    (packages / "outer.pth").write_text("\n".join(there))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    run(*pip, "wheel", "--no-build-isolation", *offline, "-w", folder, EXAMPLE, page)
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", *offline, *folder.glob("*.whl"))
    return python


@pytest.mark.parametrize(
    ("name", "targets", "options"),
    [
        ("hpss", ["harmonic", "percussive"], ["kernel", "power"]),
        ("centre", ["centre", "sides"], ["balance"]),
    ],
)
def test_it_is_listed_with_its_options(environment, name, targets, options):
    found = json.loads(run(environment, "-c", UNMIX, "list", "--json"))
    assert found["left_out"] == []
    model = next(model for model in found["models"] if model["name"] == name)
    assert model["targets"] == targets and model["here"] == "-" and not model["shipped"]
    info = json.loads(run(environment, "-c", UNMIX, "info", name, "--json"))
    assert [option["name"] for option in info["options"]] == options


RUN = """
import sys
import numpy as np
from unmixcli.options.config import SeparationConfig
from unmixcli.models.registry import Registry

class Noise:
    sample_rate, channels, length = 44100, 2, 100_000
    data = np.random.default_rng(0).standard_normal((2, 100_000)).astype(np.float32)

    def blocks(self):
        for start in range(0, self.length, 30_000):
            yield self.data[:, start : start + 30_000]

config = SeparationConfig(model=sys.argv[1], targets=sys.argv[2:], residual=True)
card, model = Registry().load_model(config.model, config.targets)
blocks = list(model.separate(Noise(), config, lambda stage, fraction: None))
stems = np.concatenate(blocks, axis=-1)
print(stems.shape, stems.dtype, np.abs(stems.sum(axis=0) - Noise.data).max() < 1e-5)
"""


@pytest.mark.parametrize(("model", "stems"), [("hpss", 3), ("centre", 3), ("hpss harmonic", 2)])
def test_it_runs_there(environment, model, stems):
    assert run(environment, "-c", RUN, *model.split()) == f"({stems}, 2, 100000) float32 True\n"


@pytest.fixture
def recording(tmp_path: Path) -> np.ndarray:
    """Two seconds of stereo in track.flac, at another rate than the models'."""
    time = np.arange(100_000)[:, None] / 48000
    mixture = 0.2 * np.sin(2 * np.pi * np.array([[220, 330]]) * time)
    soundfile.write(tmp_path / "track.flac", mixture, 48000)
    return mixture


def stems_in(folder: Path, recording: np.ndarray) -> list[str]:
    """Name the stems in a folder, once they are seen to add up to the recording."""
    stems = {path.stem: soundfile.read(path) for path in folder.glob("*.wav")}
    assert {rate for _, rate in stems.values()} == {48000}
    rest = sum(part for part, _ in stems.values()) - recording
    assert np.abs(rest[1000:-1000]).max() < 1e-4  # at the ends the tone stops short
    return sorted(stems)


def test_it_separates_a_recording_there(environment, tmp_path, recording):
    command = [
        "-m",
        "unmixcli",
        "separate",
        "track.flac",
        "--model",
        "hpss",
        "--option",
        "kernel=9",
    ]
    run(environment, *command, cwd=tmp_path)
    assert stems_in(tmp_path / "track_hpss", recording) == ["harmonic", "percussive"]


def test_the_page_works_as_it_stands(environment, tmp_path, recording):
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ unmix (.*)", text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        run(environment, "-m", "unmixcli", *command.split(), cwd=tmp_path)
    assert stems_in(tmp_path / "track_centre", recording) == ["centre", "sides"]
    assert stems_in(tmp_path / "middle" / "track", recording) == ["accompaniment", "centre"]


@dataclass
class Array:
    """A mixture in memory, read in blocks of an awkward length."""

    data: np.ndarray
    step: int
    sample_rate: int = 44100

    @property
    def channels(self) -> int:
        return len(self.data)

    @property
    def length(self) -> int:
        return self.data.shape[1]

    def blocks(self):
        for start in range(0, self.length, self.step):
            yield self.data[:, start : start + self.step]


@pytest.fixture(scope="module")
def hpss():
    pytest.importorskip("scipy")
    sys.path.insert(0, str(EXAMPLE))
    try:
        import unmix_hpss.separation
    finally:
        sys.path.remove(str(EXAMPLE))
    return unmix_hpss


def separated(hpss, mixture, targets=("harmonic", "percussive"), **options):
    from unmixcli.options.config import SeparationConfig

    config = SeparationConfig(model="hpss", **options)
    model = hpss.plugin.load(None, {}, targets, "cpu")
    blocks = list(model.separate(mixture, config, lambda stage, fraction: None))
    return np.concatenate(blocks, axis=-1)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Five seconds of a steady chord on the left and right, with clicks twice a second."""
    time = np.arange(5 * 44100) / 44100
    tone = sum(np.sin(2 * np.pi * f * time) for f in (220, 277, 330)) * 0.1
    clicks = np.zeros_like(time)
    clicks[::22050] = 1.0
    return np.stack([tone + clicks, 0.5 * tone - clicks]).astype(np.float32)


def test_streamed_equals_whole(hpss, music):
    """The authors' method on the whole spectrogram at once, by scipy's own STFT."""
    from scipy.ndimage import median_filter
    from scipy.signal import ShortTimeFFT

    whole = ShortTimeFFT(hpss.separation.WINDOW.astype(float), hpss.separation.HOP, fs=44100)
    length = music.shape[1]
    spectrum = whole.stft(music, p0=-1, p1=length // hpss.separation.HOP + 3)
    magnitude = np.abs(spectrum)
    harmonic = median_filter(magnitude, (1, 1, 17)) ** 2
    percussive = median_filter(magnitude, (1, 17, 1)) ** 2
    mask = harmonic / (harmonic + percussive + 1e-20)
    expected = whole.istft(spectrum * mask, k1=length)
    stems = separated(hpss, Array(music, 10_007))
    inner = slice(8192, length - 8192)  # the two have different frames around the ends
    assert np.abs(stems[0][:, inner] - expected[:, inner]).max() < 1e-3


@pytest.mark.parametrize("step", [1_000, 44_100, 1_000_000])
def test_the_size_of_the_blocks_does_not_matter(hpss, music, step):
    reference = separated(hpss, Array(music, 10_007))
    assert np.abs(separated(hpss, Array(music, step)) - reference).max() < 1e-6


def test_stems_add_up_to_the_mixture(hpss, music):
    stems = separated(hpss, Array(music, 10_007))
    assert stems.shape == (2, *music.shape)
    assert np.abs(stems.sum(axis=0) - music).max() < 1e-5
    one = separated(hpss, Array(music, 10_007), ("percussive",), residual=True)
    assert np.abs(one - stems[::-1]).max() < 1e-5


def test_clicks_go_one_way_and_tones_the_other(hpss, music):
    harmonic, percussive = separated(hpss, Array(music, 10_007))
    click = 44100
    assert np.abs(percussive[0, click]) > 5 * np.abs(harmonic[0, click])
    between = slice(click + 8000, click + 14000)
    assert np.std(harmonic[0, between]) > 20 * np.std(percussive[0, between])


@pytest.mark.parametrize("length", [1, 1023, 1024, 4097])
def test_any_length(hpss, length):
    music = np.random.default_rng(0).standard_normal((1, length)).astype(np.float32)
    stems = separated(hpss, Array(music, 100))
    assert stems.shape == (2, 1, length)
    assert np.abs(stems.sum(axis=0) - music).max() < 1e-5
