"""What is separated: files, folders, patterns, lists and standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from batches import STEMS, names, records, statuses
from running import Run, files
from sounds import music, write_aac, write_float
from unmixcli.separation.inputs import STDIN, find_recordings


def test_what_arguments_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("m/a.flac", "m/b.MP3", "m/x/c.ogg", "m/x/notes.txt", "m/.h/d.ogg", "m/.e.ogg"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).touch()
    Path("e").mkdir()
    Path("q[1].wav").touch()
    for arguments, expected in [
        (["m"], ["m/a.flac", "m/b.MP3", "m/x/c.ogg"]),
        (["m/a.flac", "m/a.flac", "./m/../m/a.flac"], ["m/a.flac"]),
        (["m/*"], ["m/a.flac", "m/b.MP3"]),
        (["m/**"], ["m/a.flac", "m/b.MP3", "m/x/c.ogg"]),
        (["m/**/*.ogg"], ["m/x/c.ogg"]),
        (["m/x/*.txt"], ["m/x/notes.txt"]),
        (["m/x/notes.txt"], ["m/x/notes.txt"]),
        (["q[1].wav"], ["q[1].wav"]),
        (["e"], ["! e contains no recordings"]),
        (["m/*.wav"], ["! m/*.wav matches no recordings"]),
        (["nothing.wav"], ["nothing.wav"]),
    ]:
        assert names(find_recordings(arguments)) == expected, arguments


def test_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.wav").touch()
    Path("m").mkdir()
    Path("m/c.ogg").touch()
    Path("@x.wav").touch()
    Path("list").write_bytes("\ufeff# remark\n a b.wav\r\n\na b.wav\nm\n-\n@x.wav\n".encode())
    expected = [" a b.wav", "a b.wav", "m/c.ogg", "-", "@x.wav"]
    assert names(find_recordings(["@list"])) == expected
    assert all(each.path is not STDIN for each in find_recordings(["@list"]))
    Path("zeros").write_bytes(b"a b.wav\0m\0odd\xff.wav\0")
    assert names(find_recordings(["@zeros"])) == ["a b.wav", "m/c.ogg", "odd\udcff.wav"]
    assert names(find_recordings(["./@x.wav"])) == ["@x.wav"]
    (missing,) = names(find_recordings(["@missing"]))
    assert missing == "! the list missing cannot be read: No such file or directory"
    Path("empty").write_text("# nothing\n")
    assert names(find_recordings(["@empty"])) == ["! the list empty names no recordings"]
    feed(monkeypatch, b"a b.wav\n")
    assert names(find_recordings(["@-"])) == ["a b.wav"]


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("name", ["song.wav", "song.m4a"])
def test_standard_input(
    batch: Run, run: Run, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also what has to be decoded, and with the mixture read along."""
    (write_float if name.endswith("wav") else write_aac)(Path(name), music(1))
    data = Path(name).read_bytes()
    feed(monkeypatch, data)
    outcome = batch("-", "--mix", "rest=mixture-vocals-drums")
    assert outcome.code == 0
    (record,) = records(outcome)
    assert (record["source"], record["status"]) == ("-", "separated")
    assert record["stems"]["vocals"] == "out/stdin/vocals.wav"
    assert run("separate", name, "-m", tiny_model, "-t", ",".join(STEMS), "-o", "two").code == 0
    for stem in STEMS:
        one = soundfile.read(f"out/stdin/{stem}.wav")[0]
        np.testing.assert_array_equal(one, soundfile.read(f"two/song/{stem}.wav")[0])
    feed(monkeypatch, data)
    outcome = batch("-", "--mix", "rest=mixture-vocals-drums", "--skip-existing")
    assert statuses(outcome) == ["skipped"]
    feed(monkeypatch, data[:-4000])
    assert batch("-", "--mix", "rest=mixture-vocals-drums", "--skip-existing").code == 1


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "standard input is empty"), (b"x" * 99, "no known audio")]
)
def test_nothing_good_on_standard_input(
    batch: Run, monkeypatch: pytest.MonkeyPatch, data: bytes, words: str
) -> None:
    feed(monkeypatch, data)
    outcome = batch("-", "--quiet")
    assert outcome.code == 1
    assert words in outcome.error
    assert files() == []
