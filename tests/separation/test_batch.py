"""Many recordings: which are found, which are skipped, and what a failure or a kill leaves."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import unmixcli
from running import COMMAND, Outcome, Run, files
from sounds import music, write_aac, write_float
from unmixcli.audio.formats import Encoding
from unmixcli.audio.writing import Shape, StemWriter
from unmixcli.errors import OutputError
from unmixcli.files import parts
from unmixcli.files.parts import Part, is_locked, sweep
from unmixcli.separation.inputs import STDIN, Found, find_recordings

STEMS = ("vocals", "drums")


@pytest.fixture
def album(run: Run) -> list[str]:
    """Four recordings in a folder, two of them in sub-folders."""
    names = ["album/1.wav", "album/2.wav", "album/cd1/1.wav", "album/cd2/1.wav"]
    for k, name in enumerate(names):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        write_float(Path(name), music(0.5, seed=k))
    return names


@pytest.fixture
def batch(run: Run, tiny_model: Path) -> Run:
    """Run `unmix separate` on the album, giving its records."""

    def batch(*arguments: object) -> Outcome:
        common = ["-m", tiny_model, "-t", ",".join(STEMS), "-o", "out", "--json"]
        return run("separate", *(arguments or ["album"]), *common)

    return batch


def records(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def statuses(outcome: Outcome) -> list[str]:
    return [record["status"] for record in records(outcome)]


def names(found: list[Any]) -> list[str]:
    return [str(each.path) if isinstance(each, Found) else f"! {each}" for each in found]


# What is taken


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


# What comes of it


def test_one_bad_recording_does_not_stop_the_others(batch: Run, album: list[str]) -> None:
    Path("album/2.wav").write_bytes(b"RIFF, more or less")
    Path("album/cd1/1.wav").write_bytes(Path("album/1.wav").read_bytes()[:40])
    outcome = batch("missing.wav", "album")
    assert outcome.code == 1
    found = records(outcome)
    assert [record["status"] for record in found] == [
        "failed",
        "separated",
        "failed",
        "failed",
        "separated",
    ]
    assert found[0] == {
        "source": "missing.wav",
        "status": "failed",
        "error": "missing.wav does not exist",
    }
    assert "5 recordings: 2 separated, 0 skipped, 3 failed; 0:01 of audio in" in outcome.err
    # Each reason is printed once.
    assert outcome.err.count("error: missing.wav does not exist") == 1
    assert outcome.err.count("missing.wav") == 1
    assert outcome.err.count("album/2.wav cannot be read") == 1
    assert "Traceback" not in outcome.err
    assert "warning" not in outcome.err
    stems = [name for name in files() if name.startswith("out") and name.endswith(".wav")]
    assert stems == sorted(f"out/{t}/{s}.wav" for t in ("1", "cd2/1") for s in STEMS)


def test_a_model_that_fails_on_one_recording(
    batch: Run, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own exceptions are no reason to give up the others, or to show a traceback."""
    original = unmixcli.Separator.separate_file

    def fails(self: Any, recording: Any, *arguments: Any, **named: Any) -> Any:
        if recording.path.name == "2.wav":
            raise RuntimeError("out of\nmemory")
        return original(self, recording, *arguments, **named)

    monkeypatch.setattr(unmixcli.Separator, "separate_file", fails)
    outcome = batch()
    assert outcome.code == 1
    assert outcome.error.endswith("2.wav could not be separated: RuntimeError: out of memory")
    assert statuses(outcome).count("separated") == 3


def test_tags_are_read_once_a_recording(
    batch: Run, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmixcli.stems import destination

    read: list[Any] = []
    original = destination.read_tags

    def counting(source: Any) -> Any:
        read.append(source)
        return original(source)

    monkeypatch.setattr(destination, "read_tags", counting)
    assert statuses(batch()).count("separated") == len(read) > 1


def test_a_model_that_cannot_be_had_stops_all(run: Run, album: list[str], tmp_path: Path) -> None:
    outcome = run("separate", "album", "-m", "nothing-like-it")
    assert outcome.code == 3
    assert "unknown model" in outcome.error


def test_a_single_recording_has_no_summary(batch: Run, album: list[str]) -> None:
    assert "recordings:" not in batch(album[0]).err
    assert "2 recordings: 1 separated, 0 skipped, 1 failed;" in batch("x.wav", album[1]).err


# What is skipped


def touch_later(path: Path) -> None:
    """Make a file look younger."""
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))


def test_what_is_done_is_skipped(
    batch: Run, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without even loading the model."""
    assert statuses(batch()) == ["separated"] * 4
    before = {name: Path(name).stat().st_mtime_ns for name in files()}
    monkeypatch.setattr("unmixcli.models.registry.Registry.load", None)
    outcome = batch("album", "--skip-existing")
    assert outcome.code == 0
    assert statuses(outcome) == ["skipped"] * 4
    assert records(outcome)[0]["stems"]["drums"] == "out/1/drums.wav"
    assert {name: Path(name).stat().st_mtime_ns for name in files()} == before
    assert "4 recordings: 0 separated, 4 skipped, 0 failed" in outcome.err
    assert "already done" not in outcome.err  # one number, not a line for each
    assert batch("album", "--skip-existing", "-v").err.count("skipped, already done") == 4
    assert batch("album/1.wav", "--skip-existing").err.count("skipped, already done") == 1
    # Without --skip-existing they are noticed before the model is loaded, too.
    assert batch("album").err.count("already exist") == 4


def test_a_copy_of_the_recording_will_do(batch: Run, album: list[str]) -> None:
    assert batch("album/1.wav").code == 0
    touch_later(Path("album/1.wav"))
    assert statuses(batch("album/1.wav", "--skip-existing")) == ["skipped"]


def change_input() -> None:
    write_float(Path("album/1.wav"), music(0.5, seed=9))


def cut_stem() -> None:
    path = Path("out/1/drums.wav")
    path.write_bytes(path.read_bytes()[:1000])


def lose_stem() -> None:
    Path("out/1/drums.wav").unlink()


def lose_manifest() -> None:
    Path("out/1/.unmix.json").unlink()


def garble_manifest() -> None:
    Path("out/1/.unmix.json").write_text('{"version": 1, "made": [{"stems": 3}, 4]}')


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (change_input, [], "made from another recording"),
        (cut_stem, [], "changed since: drums.wav"),
        (lose_stem, [], "changed since: drums.wav"),
        (lose_manifest, [], "made by hand or by another program"),
        (garble_manifest, [], "made by hand or by another program"),
        (nothing, ["--niter", "0"], "made with niter 1 instead of 0"),
        (nothing, ["--duration", "0.3"], "made with duration -1.0 instead of 0.3"),
        (nothing, ["--bit-depth", "16"], "made with bit_depth none instead of 16"),
    ],
)
def test_what_is_not_done_is_not_skipped(
    batch: Run, album: list[str], change: Any, options: list[str], words: str
) -> None:
    """Nor is it replaced unless that is asked for, and the reason is told."""
    assert batch("album/1.wav").code == 0
    change()
    outcome = batch("album/1.wav", "--skip-existing", *options)
    assert outcome.code == 1
    assert words in outcome.error
    assert statuses(batch("album/1.wav", "--skip-existing", "--overwrite", *options)) == [
        "separated"
    ]
    assert statuses(batch("album/1.wav", "--skip-existing", *options)) == ["skipped"]


def test_options_without_effect_do_not_count(batch: Run, album: list[str], tmp_path: Path) -> None:
    assert batch("album/1.wav").code == 0
    options = ["--device", "cpu", "--temp-dir", tmp_path, "--offline"]
    assert statuses(batch("album/1.wav", "--skip-existing", *options)) == ["skipped"]


def test_another_model_of_the_same_name(
    batch: Run, run: Run, album: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    assert batch("album/1.wav").code == 0
    model = shutil.copytree(tiny_model, tmp_path / "copy" / tiny_model.name)
    common = ["album/1.wav", "-m", model, "-t", ",".join(STEMS), "-o", "out", "--skip-existing"]
    assert "skipped" in run("separate", *common).err
    shutil.copy(tiny_model / "bass.pth", model / "drums.pth")
    outcome = run("separate", *common)
    assert outcome.code == 1
    assert f"made with other weights of {tiny_model.name}" in outcome.error
    # Of a network that is not needed, it does not matter.
    shutil.copy(tiny_model / "drums.pth", model / "drums.pth")
    shutil.copy(tiny_model / "bass.pth", model / "other.pth")
    assert "skipped" in run("separate", *common).err


def test_several_sets_side_by_side(run: Run, tiny_model: Path, album: list[str]) -> None:
    """Each is remembered, in whatever order they come."""
    common = ["separate", "album/1.wav", "-m", tiny_model, "-o", "out", "--skip-existing", "--json"]
    sets = [["-t", "vocals"], ["-t", "bass"], ["-p", "karaoke"], ["-t", "vocals", "-f", "flac"]]
    for options in sets:
        assert statuses(run(*common, *options)) == ["separated"]
    for options in sets:
        assert statuses(run(*common, *options)) == ["skipped"]


def test_names_by_template_are_remembered_too(batch: Run, album: list[str]) -> None:
    for template in ("{folder} {track} {target}.{ext}", "{target}/{folder}-{track}.{ext}"):
        for status in ("separated", "skipped"):
            outcome = batch("album", "--filename", template, "--skip-existing")
            assert statuses(outcome) == [status] * 4


def test_our_own_stems_are_no_recordings(run: Run, album: list[str], tiny_model: Path) -> None:
    """Although they lie below the folder that is separated."""
    for arguments in (
        ["-o", "album/stems"],
        ["-o", "album", "--filename", "{target}-{track}.{ext}"],
    ):
        common = [
            "separate",
            "album",
            "-m",
            tiny_model,
            "-t",
            "vocals",
            "--skip-existing",
            "--json",
        ]
        assert statuses(run(*common, *arguments)) == ["separated"] * 4
        assert statuses(run(*common, *arguments)) == ["skipped"] * 4


# What a kill leaves

_DIE = """
import os, signal, sys
from unmixcli.files.parts import Part
from unmixcli.audio.writing import StemWriter
from unmixcli.cli.app import main
from unmixcli.stems.manifest import Manifest

def die_at(owner, name, call, before):
    original = getattr(owner, name)
    def counted(*arguments, **named):
        counted.calls += 1
        if before and counted.calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if counted.calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    counted.calls = 0
    setattr(owner, name, counted)

owner, name, call, before = sys.argv[1:5]
die_at(globals()[owner], name, int(call), before == "before")
sys.argv[1:] = sys.argv[5:]
main()
"""

# The call of each that belongs to the second recording; the records are parts, too.
_WRITING = ("StemWriter", "write", 2, "after")
_ABOUT_TO_PLACE = ("Manifest", "_write", 3, "after")
_ONE_PLACED = ("Part", "put", 6, "after")
_ALL_PLACED = ("Manifest", "_write", 4, "before")
_RECORDED = ("Manifest", "_write", 4, "after")


def whole(path: Path) -> bool:
    return soundfile.info(path).frames == 22050


@pytest.mark.parametrize(
    ("point", "overwrite"),
    [
        (_WRITING, False),
        (_ABOUT_TO_PLACE, False),
        (_ONE_PLACED, False),
        (_ONE_PLACED, True),
        (_ALL_PLACED, False),
        (_RECORDED, False),
    ],
)
def test_killed_at(
    batch: Run, album: list[str], tiny_model: Path, point: Any, overwrite: bool
) -> None:
    """The next run finishes the rest; what was done before is left alone; nothing is half."""
    if overwrite:
        assert batch("album", "--niter", "0").code == 0
    options = ["--skip-existing"] + ["--overwrite"] * overwrite
    common = ["-m", tiny_model, "-t", ",".join(STEMS), "-o", "out", *options]
    command = [sys.executable, "-c", _DIE, *point, "separate", "album", *common]
    killed = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finals = [path for path in Path("out").rglob("*.wav") if not path.name.startswith(".")]
    assert all(whole(path) for path in finals)
    first = {path: path.stat().st_mtime_ns for path in Path("out/1").glob("*.wav")}
    assert len(first) == 2
    outcome = batch("album", *options)
    assert outcome.code == 0, outcome.err
    done = "skipped" if point in (_ALL_PLACED, _RECORDED) else "separated"
    assert statuses(outcome) == ["skipped", done, "separated", "separated"]
    assert {path: path.stat().st_mtime_ns for path in Path("out/1").glob("*.wav")} == first
    left = [name for name in files() if name.startswith("out")]
    places = ("1", "2", "cd1/1", "cd2/1")
    expected = [f"out/{t}/{s}" for t in places for s in (".unmix.json", "drums.wav", "vocals.wav")]
    assert left == sorted(expected)
    assert all(whole(Path(name)) for name in left if name.endswith(".wav"))
    assert statuses(batch("album", *options)) == ["skipped"] * 4


def test_killed_again_and_again(batch: Run, run: Run, tiny_model: Path) -> None:
    """At any moment of a run over many files, until it gets through."""
    Path("many").mkdir()
    for k in range(12):
        write_float(Path(f"many/{k:02}.wav"), music(0.5, seed=k))
    common = ["-m", str(tiny_model), "-t", ",".join(STEMS), "-o", "out", "--skip-existing"]
    command = [*COMMAND, "separate", "many", *common]
    random = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = len(list(Path("out").rglob("*.part"))) + 1
        for _ in range(600):  # it is writing, or through
            if process.poll() is not None or len(list(Path("out").rglob("*.part"))) >= wanted:
                break
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.wait()
        stems = [path for path in Path("out").rglob("*.wav") if not path.name.startswith(".")]
        assert all(whole(path) for path in stems)
    outcome = batch("many", "--skip-existing")
    assert outcome.code == 0, outcome.err
    assert len(records(outcome)) == 12
    left = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(left) == 12 * 3
    assert not [path for path in left if path.suffix == ".part"]


def writer(path: Path) -> StemWriter:
    encoding = Encoding.of("wav")
    return StemWriter([path], Shape(44100, 1, 100), encoding, overwrite=True)


def test_what_a_living_process_writes_is_not_swept_away(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    dead = tmp_path / ".a.wav.0123abcd.part"
    others = [tmp_path / f for f in (".a.wav.part", ".a.wav.keep.part", ".b.wav.0123abcd.part")]
    for file in (dead, *others):
        file.write_text("x")
    with writer(path) as living:
        assert not dead.exists()
        assert all(file.exists() for file in others)
        part = living.parts[path]
        assert is_locked(part)
        sweep(path)
        assert part.exists()
        living.write(np.zeros((1, 1, 100), np.float32))
    assert soundfile.info(path).frames == 100
    assert not is_locked(path)


def test_a_part_that_is_swept_away_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer learns of it and makes another."""
    real = parts.fcntl.flock
    calls = []

    def flock(handle: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            sweep(tmp_path / "a.wav")
        real(handle, how)

    monkeypatch.setattr(parts.fcntl, "flock", flock)
    part = Part(tmp_path / "a.wav")
    assert part.path.exists()
    assert [path.name for path in tmp_path.iterdir()] == [part.path.name]
    part.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_set_that_cannot_be_completed_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    """The second of two stems appears meanwhile: the first does not stay behind, nor a record."""
    write_float(tmp_path / "song.wav", music(0.3))
    separator = unmixcli.Separator(
        model=str(tiny_model), targets=STEMS, outdir=tmp_path / "out", niter=0
    )
    real = Part.put

    def put(self: Part, final: Path, overwrite: bool) -> None:
        if final.name == "drums.wav":
            final.write_text("precious")
        real(self, final, overwrite)

    monkeypatch.setattr(Part, "put", put)
    with pytest.raises(OutputError, match=r"drums\.wav appeared during"):
        separator.separate_file(tmp_path / "song.wav")
    assert [path.name for path in (tmp_path / "out" / "song").iterdir()] == ["drums.wav"]
    assert (tmp_path / "out" / "song" / "drums.wav").read_text() == "precious"


def test_a_record_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    write_float(tmp_path / "song.wav", music(0.3))
    real = Path.write_text

    def full(self: Path, *arguments: Any, **named: Any) -> int:
        if "unmix.json" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    separator = unmixcli.Separator(
        model=str(tiny_model), targets=STEMS, outdir=tmp_path / "out", niter=0
    )
    with pytest.raises(OutputError, match=r"\.unmix\.json cannot be written: No space left"):
        separator.separate_file(tmp_path / "song.wav")
    assert not (tmp_path / "out").exists()
