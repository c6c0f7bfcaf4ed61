"""Names of files and folders that any system takes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from running import Run, files
from sounds import music, write_float
from unmixcli.files.portable import portable
from unmixcli.stems.names import Namer


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("song.tar.gz", "song.tar.gz"),
        (".unmix.json", ".unmix.json"),
        ('a: "b" <c>|d*?', "a_ _b_ _c__d__"),
        ("COM1", "COM1_"),
        ("com1.wav", "com1_.wav"),
        ("AUX .wav", "AUX_.wav"),
        ("lpt9.", "lpt9_"),
        ("COM¹.x", "COM¹_.x"),
        ("a. .", "a"),
        ("..", "_"),
        ("", "_"),
        ("é\udcff?.wav", "é\udcff_.wav"),
    ],
)
def test_names(name: str, clean: str) -> None:
    assert portable(name) == clean == portable(clean)


def test_every_part_of_a_stem_s_path_is_portable() -> None:
    namer = Namer("{artist}/{track}: {title}/{target}.{ext}", Path("out"), "umx", "wav")
    tags = {"artist": "AC:DC.", "title": "What?"}
    paths = namer.paths(Path("nul.flac"), ["vocals"], tags, Path("cd: 1/con"))
    assert paths == {"vocals": Path("out/cd_ 1/con_/AC_DC/nul_ What_/vocals.wav")}
    assert namer.manifest(Path("nul.flac"), tags, Path("cd: 1/con")).parent == (
        paths["vocals"].parent
    )


def test_a_long_name_keeps_its_extension() -> None:
    namer = Namer("{artist} {title} {track} {target}.{ext}", Path(), "umx", "wav")
    tags = {"artist": "曲" * 300, "title": "b?" * 300}
    (path,) = namer.paths(Path("c" * 200 + ".wav"), ["vocals"], tags).values()
    assert path.suffix == ".wav" and len(os.fsencode(path.name)) <= 240


def test_a_title_of_a_megabyte_costs_nothing() -> None:
    namer = Namer("{artist} {title}/{target}.{ext}", Path(), "umx", "wav")
    tags = {"artist": "a" * 10**6, "title": "曲" * 10**6}
    began = time.process_time()
    for _ in range(10):
        namer.paths(Path("song.wav"), ["vocals", "drums"], tags)
    assert time.process_time() - began < 1


def test_a_recording_with_a_name_for_one_system_only(run: Run, tiny_model: Path) -> None:
    write_float(Path("what? is: it.wav"), music(0.2))
    assert (
        run("separate", "what? is: it.wav", "-m", tiny_model, "-t", "vocals", "-o", "o").code == 0
    )
    assert "o/what_ is_ it/vocals.wav" in files()
