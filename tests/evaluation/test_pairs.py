"""Which tracks and which stems are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from scored import RATE, write
from sounds import music
from unmixcli.errors import InputError
from unmixcli.evaluation import evaluate
from unmixcli.evaluation.pairs import find_pairs


def pairs(tmp_path: Path, estimated: list[str], true: list[str]):
    for root, paths in (("estimated", estimated), ("true", true)):
        for path in paths:
            file = tmp_path / root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return find_pairs(tmp_path / "estimated", tmp_path / "true")


def test_tracks_match_by_name(tmp_path):
    found, unmatched = pairs(
        tmp_path,
        ["test/A/mixture/vocals.flac", "B_umxhq/vocals.wav", "C/vocals.wav", "B_umxhq/index.html"],
        ["train/A/vocals.wav", "train/A/mixture.wav", "test/B/vocals.wav", "test/B_b/vocals.wav"],
    )
    assert {pair.track for pair in found} == {"A", "B"}
    assert unmatched == ["C"]
    by_name = {pair.track: pair for pair in found}
    assert list(by_name["A"].references) == ["vocals"]
    assert by_name["A"].estimates["vocals"].path.suffix == ".flac"


def test_a_song_beside_the_folders_of_its_stems_is_no_track(tmp_path):
    found, unmatched = pairs(
        tmp_path, ["song.flac", "A/vocals.wav", "B/vocals.wav"], ["A/vocals.wav", "B/vocals.wav"]
    )
    assert [pair.track for pair in found] == ["A", "B"] and not unmatched


def test_one_track_matches_whatever_its_name(tmp_path):
    (pair,), _ = pairs(tmp_path, ["vocals.wav"], ["test/Song/vocals.wav"])
    assert pair.track == "Song"


@pytest.mark.parametrize(
    ("estimated", "true", "words"),
    [
        (["a/x.txt"], ["vocals.wav"], "contains no stems"),
        (["A/vocals.wav", "B/vocals.wav"], ["C/vocals.wav"], "no track in"),
        (["vocals.wav", "vocals.flac"], ["vocals.wav"], "two files for vocals"),
        (["A_x/vocals.wav", "A_y/vocals.wav"], ["A/vocals.wav"], "two folders for the track A"),
        (["x/A/vocals.wav", "y/A/vocals.wav"], ["A/vocals.wav"], "two tracks called A"),
    ],
)
def test_folders_that_do_not_fit(tmp_path, estimated, true, words):
    with pytest.raises(InputError, match=words):
        pairs(tmp_path, estimated, true)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 16000}, "has 16000 Hz, .* has 8000 Hz"),
        ({"channels": 1}, "has 1 channels"),
        ({"seconds": 1.0}, r"is 1\.00 s long, but the references are 2\.00 s"),
        ({"name": "guitar"}, "none of guitar has a reference among vocals"),
    ],
)
def test_stems_that_do_not_fit(tmp_path, change, words):
    made = {"seconds": 2.0, "rate": RATE, "channels": 2, "name": "vocals"}
    for root, values in (("true", made), ("estimated", made | change)):
        audio = music(values["seconds"], values["rate"], values["channels"])
        write(tmp_path / root, {values["name"]: audio}, values["rate"])
    result = evaluate(tmp_path / "estimated", tmp_path / "true", si_sdr_only=True)
    assert not result.tracks
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(result.failed["true"])
