"""True stems as audio streams of one MP4, as MUSDB18 has them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sounds import music
from unmixcli.errors import InputError
from unmixcli.evaluation import evaluate
from unmixcli.evaluation.pairs import find_pairs
from unmixcli.evaluation.stemfiles import places_in

RATE = 44100
STEMS = ("drums", "bass", "other", "vocals")


def write_stems(path: Path, stems: list[np.ndarray], names: tuple[str, ...] = ()) -> Path:
    """Write an MP4 with an AAC stream for each of these, shape (samples, 2)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=RATE, layout="stereo") for _ in stems]
        for stream in streams:
            stream.bit_rate = 256000
        for stream, name in zip(streams, names, strict=False):
            stream.metadata["handler_name"] = name
        for stream, stem in zip(streams, stems, strict=True):
            for first in range(0, len(stem), 1024):
                part = np.ascontiguousarray(stem[first : first + 1024].T)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = RATE, first
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.fixture
def stems() -> list[np.ndarray]:
    """The mixture, then its stems."""
    found = [music(1.2, seed=seed) for seed in range(len(STEMS))]
    return [sum(found) / 2, *(stem / 2 for stem in found)]


def write_estimates(folder: Path, stems: list[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for name, stem in zip(STEMS, stems[1:], strict=True):
        soundfile.write(folder / f"{name}.wav", stem, RATE, "FLOAT")


def test_a_data_set_of_stem_files(tmp_path: Path, stems: list[np.ndarray]) -> None:
    """Each is compared with the folder that `unmix separate` made of it."""
    for name in ("A - One", "B - Two"):
        write_stems(tmp_path / "musdb18" / "test" / f"{name}.stem.mp4", stems)
    write_estimates(tmp_path / "out" / "A - One.stem", stems)
    write_estimates(tmp_path / "out" / "B - Two.stem_umxhq", stems)
    result = evaluate(tmp_path / "out", tmp_path / "musdb18", si_sdr_only=True)
    assert [track.track for track in result.tracks] == ["A - One", "B - Two"]
    for track in result.tracks:
        assert set(track.targets) == set(STEMS)
        for scores in track.targets.values():  # the same stems, but for AAC
            assert scores.si_sdr is not None and scores.si_sdr > 10


def test_one_stem_file(tmp_path: Path, stems: list[np.ndarray]) -> None:
    file = write_stems(tmp_path / "A.stem.mp4", stems)
    write_estimates(tmp_path / "out", stems)
    (pair,), _ = find_pairs(tmp_path / "out", file)
    assert pair.track == "A" and list(pair.references) == list(STEMS)
    assert [place.stream for place in pair.references.values()] == [1, 2, 3, 4]


def test_streams_have_the_names_in_their_titles(tmp_path: Path, stems: list[np.ndarray]) -> None:
    names = ("Mixture", "Piano", "Vocals")
    found = places_in(write_stems(tmp_path / "A.stem.mp4", stems[:3], names))
    assert {name: place.stream for name, place in found.items()} == {"piano": 1, "vocals": 2}


def test_stem_files_that_cannot_be_used(tmp_path: Path, stems: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="has 3 sounds without names"):
        places_in(write_stems(tmp_path / "A.stem.mp4", stems[:3]))
    (tmp_path / "B.stem.mp4").write_bytes(b"not an mp4" * 100)
    with pytest.raises(InputError, match=r"B\.stem\.mp4 cannot be read"):
        places_in(tmp_path / "B.stem.mp4")
