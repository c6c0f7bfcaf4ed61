"""Files that end too early, and samples that no sound has."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from running import Run
from sounds import music, write_aac, write_float
from unmixcli.audio.wholeness import cut_off

FORMATS = {
    "wav": "WAV",
    "w64": "W64",
    "rf64": "RF64",
    "aiff": "AIFF",
    "au": "AU",
    "caf": "CAF",
    "ogg": "OGG",
}


def write_matroska(path: Path) -> None:
    import av

    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=44100)
        stream.layout = "stereo"
        samples = (music(1) * 20000).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write(path: Path) -> Path:
    if path.suffix == ".mka":
        write_matroska(path)
    elif path.suffix == ".m4a":
        write_aac(path, music(2))
    else:
        soundfile.write(path, music(4), 44100, format=FORMATS[path.suffix[1:]])
    return path


@pytest.mark.parametrize("kind", [*FORMATS, "mka", "m4a"])
def test_a_cut_is_seen(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"x.{kind}")
    data = path.read_bytes()
    assert cut_off(path) == ""
    for share in (0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        missing = len(data) - int(len(data) * share)
        said = cut_off(path)
        assert said
        if kind not in ("ogg", "m4a"):
            assert int(said.split(" ")[0].replace(",", "")) == pytest.approx(missing, abs=400)
    with path.open("rb") as file:
        assert cut_off(file) == said


@pytest.mark.parametrize("kind", [*FORMATS, "mka", "m4a"])
def test_no_damage_ends_it(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path / f"x.{kind}").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(data[: random.integers(1, 4000)])
        for place in random.integers(0, len(damaged), 9):
            damaged[place] = random.integers(256)
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        assert isinstance(cut_off(path), str)


def test_a_stream_of_unknown_length_is_whole(tmp_path: Path) -> None:
    memory = io.BytesIO()
    soundfile.write(memory, music(0.1), 44100, format="WAV")
    data = bytearray(memory.getvalue())
    at = data.index(b"data") + 4
    for size in (0, 0xFFFF_FFFF, 0x7FFF_FFFF):
        data[at : at + 4] = size.to_bytes(4, "little")
        path = tmp_path / "x.wav"
        path.write_bytes(data)
        assert cut_off(path) == ""


def test_a_cut_recording_is_separated_with_a_warning(run: Run, tiny_model: Path) -> None:
    path = write_float(Path("s.wav"), music(0.4))
    path.write_bytes(path.read_bytes()[:-50_000])
    outcome = run("separate", path, "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 0
    assert "warning: s.wav is cut off: 50,000 bytes are missing" in outcome.err


@pytest.mark.parametrize("value", [1e15, 1e18])
def test_any_level_of_a_sound_gives_the_same_stems(
    run: Run, tiny_model: Path, value: float
) -> None:
    from unmixcli import Separator

    separator = Separator(model=str(tiny_model), targets="vocals")
    # Both levels are brought to the same one before the networks hear them.
    usual = (music(0.3) * np.float32(2.0**7 * 10)).astype(np.float32)
    usual *= np.float32(128 / np.abs(usual).max())
    factor = np.float32(2.0 ** np.floor(np.log2(value / 128)))
    one = separator.separate(usual, 44100)["vocals"]
    other = separator.separate(usual * factor, 44100)["vocals"] / factor
    np.testing.assert_allclose(other, one, atol=1e-5 * np.abs(one).max())


def test_levels_beyond_any_sound_are_refused(run: Run, tiny_model: Path) -> None:
    path = write_float(Path("s.wav"), music(0.2) * np.float32(1e30))
    outcome = run("separate", path, "-m", tiny_model, "-t", "vocals")
    assert outcome.code == 1 and "full scale is 1" in outcome.error
