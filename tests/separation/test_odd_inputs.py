"""Names, files, folders and streams that are odd: one sentence each, or simply the stems."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from running import Outcome, Run, files
from sounds import music, write_aac, write_float
from unmixcli import Separator
from unmixcli.audio.reading import open_excerpt
from unmixcli.errors import InputError, SpoolError
from unmixcli.separation.inputs import find_recordings

POSIX = pytest.mark.skipif(os.name != "posix", reason="names and devices of POSIX")


def unmix(*arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    how = {"capture_output": True, "text": True, "errors": "backslashreplace", **how}
    command = [sys.executable, "-m", "unmixcli", *map(str, arguments)]
    return subprocess.run(command, timeout=120, check=False, **how)


def statuses(outcome: Outcome) -> list[str]:
    return [json.loads(line)["status"] for line in outcome.out.splitlines()]


@pytest.fixture
def song(run: Run) -> Path:
    return write_float(Path("song.wav"), music(0.2))


# Names


@POSIX
def test_names_that_are_no_text(tmp_path: Path, tiny_model: Path) -> None:
    """A name that is not UTF-8, and one that is not ASCII where only ASCII is known."""
    album = os.fsencode(tmp_path / "album")
    os.mkdir(album)  # noqa: PTH102
    write_float(tmp_path / "a.wav", music(0.1))
    data = (tmp_path / "a.wav").read_bytes()
    for name in (b"\xe9.wav", "é曲.wav".encode(), b"z.wav"):
        with open(os.path.join(album, name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(data)
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [os.fsencode(sys.executable), b"-m", b"unmixcli", b"separate", album, b"-m"]
    command += [os.fsencode(tiny_model), b"-t", b"vocals", b"--json", b"-o", album + b"/\xff out"]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["status"] for record in records] == ["separated"] * 3


def test_names_that_no_file_has(run: Run, tiny_model: Path, song: Path) -> None:
    Path("list").write_text("~nobody-of-that-name.wav\n" + "x" * 300 + ".wav\n")
    loop = Path("loop")
    loop.symlink_to("loop")
    wanted = ("-m", tiny_model, "-t", "vocals", "--json", "-o", "out")
    outcome = run("separate", "@list", "y" * 5000, loop, "", song, *wanted)
    assert statuses(outcome) == ["failed"] * 5 + ["separated"]
    assert '"" is not the name of a recording' in outcome.err


@pytest.mark.parametrize("option", ["--start", "--duration"])
def test_times_beyond_any_recording(run: Run, tiny_model: Path, song: Path, option: str) -> None:
    outcome = run("separate", song, "-m", tiny_model, "-t", "vocals", option, "1e308")
    assert outcome.code == (1 if option == "--start" else 0) and "Traceback" not in outcome.err


def test_a_long_name_is_done_when_it_is_done(run: Run, tiny_model: Path) -> None:
    name = "x" * 240 + ".wav"
    write_float(Path(name), music(0.1))
    template = "{track} {title} {target}.{ext}"
    for expected in ("separated", "skipped"):
        wanted = ("-t", "vocals", "--skip-existing", "--json", "--filename", template)
        assert statuses(run("separate", name, "-m", tiny_model, *wanted)) == [expected]


# Files that are none


@POSIX
def test_pipes_and_devices_do_not_hang(run: Run, tiny_model: Path, song: Path) -> None:
    os.mkfifo("pipe.wav")
    os.mkdir("out")  # noqa: PTH102
    os.mkfifo("out/.unmix.json")
    os.mkdir("model")  # noqa: PTH102
    os.mkfifo("model/vocals.json")
    wanted = ("-m", tiny_model, "-t", "vocals", "--json", "-o", "out")
    odd = ("pipe.wav", "/dev/zero", "/dev/urandom", "@/dev/zero")
    outcome = run("separate", *odd, song, "--filename", "{target}.{ext}", *wanted)
    assert statuses(outcome) == ["failed"] * 4 + ["separated"]
    os.mkdir("album")  # noqa: PTH102
    os.mkfifo("album/.unmix.json")
    write_float(Path("album/a.wav"), music(0.1))
    assert statuses(run("separate", "album", *wanted)) == ["separated"]
    assert run("separate", song, "-m", "model").code == 3
    assert run("models", "add", "/dev/zero", "pipe.wav").code != 0


def test_documents_that_are_nested_too_deeply(run: Run, tiny_model: Path, home: Path) -> None:
    Path("album").mkdir()
    write_float(Path("album/a.wav"), music(0.1))
    Path("album/.unmix.json").write_text("[" * 200_000)
    wanted = ("-m", tiny_model, "-t", "vocals", "--json", "-o", "out")
    assert statuses(run("separate", "album", *wanted)) == ["separated"]
    home.mkdir(exist_ok=True)
    for name, text in (
        ("models.toml", "a = " + "[" * 100_000),
        ("config.toml", "a=9" + "9" * 5000),
    ):
        (home / name).write_text(text)
        outcome = run("models", "list") if name == "models.toml" else run("config", "show")
        assert "Traceback" not in outcome.err and f"{name} cannot be read" in outcome.err


@POSIX
def test_a_pattern_over_loops_of_links_ends(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "up").symlink_to(tmp_path)
        (tmp_path / name / "over").symlink_to(tmp_path / ("b" if name == "a" else "a"))
    write_float(tmp_path / "a/x.wav", music(0.1))
    began = time.monotonic()
    found = find_recordings([f"{tmp_path}/**/*.wav"])
    assert [item.path.name for item in found] == ["x.wav"]  # type: ignore[union-attr]
    assert time.monotonic() - began < 5


# Headers


@pytest.mark.parametrize("rate", [1, 2**31 - 1])
def test_a_header_with_an_impossible_rate_takes_no_memory(song: Path, rate: int) -> None:
    data = bytearray(song.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    song.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError):
        list(open_excerpt(song).blocks())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_recordings_above_384_khz_keep_their_rate(run: Run, tiny_model: Path) -> None:
    write_float(Path("s.wav"), music(0.05, 768_000), 768_000)
    assert run("separate", "s.wav", "-m", tiny_model, "-t", "vocals", "-o", "out").code == 0
    assert soundfile.info("out/s/vocals.wav").samplerate == 768_000


@pytest.mark.parametrize("level", [-80, -120])
def test_the_level_does_not_matter(level: int) -> None:
    separator = Separator(model="umx-synth", niter=1)
    samples = music(0.5)
    factor = np.float32(10 ** (level / 20))
    usual, soft = separator.separate(samples, 44100), separator.separate(samples * factor, 44100)
    for name in usual:
        error = np.sqrt(np.mean((soft[name] / factor - usual[name]) ** 2))
        assert error < 0.05 * np.sqrt(np.mean(samples**2))
        assert np.abs(soft[name]).max() > 0


# What happens meanwhile


def test_a_recording_that_changes_is_not_done(
    run: Run, tiny_model: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmixcli.stems.saving import Saver

    real = Saver.save

    def save(saver: Saver, *arguments: Any) -> Any:
        song.write_bytes(song.read_bytes()[:-1] + b"\x11")
        os.utime(song, ns=(1, 1))
        return real(saver, *arguments)

    monkeypatch.setattr(Saver, "save", save)
    outcome = run("separate", song, "-m", tiny_model, "-t", "vocals", "-o", "out")
    assert outcome.code == 1 and "was changed while it was being separated" in outcome.error
    assert files() == ["song.wav"]


def test_no_room_while_decoding(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_aac(Path("s.m4a"), music(1))

    def full(*_: object) -> None:
        raise AssertionError  # what soundfile says of a disk that is full

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(SpoolError, match="--temp-dir"):
        open_excerpt(path)


def test_a_fork_has_threads_of_its_own(tiny_model: Path) -> None:
    separator = Separator(model=str(tiny_model), targets="vocals")
    samples = music(0.2)
    expected = separator.separate(samples, 44100)["vocals"]
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        threading.Timer(60, os._exit, (1,)).start()
        same = np.array_equal(separator.separate(samples, 44100)["vocals"], expected)
        os.write(writing, b"same" if same else b"other")
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 9) == b"same"
    assert os.waitpid(child, 0)[1] == 0


def test_two_runs_share_the_work_and_keep_every_record(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "album").mkdir()
    for number in range(4):
        write_float(tmp_path / f"album/{number}.wav", music(0.3, seed=number))
    wanted = ("album", "-m", tiny_model, "-t", "vocals", "-o", "out", "--skip-existing", "--json")
    # All records in one folder: that is where they were lost.
    wanted += ("--filename", "{target} of {track}.{ext}")
    command = [sys.executable, "-m", "unmixcli", "separate", *map(str, wanted)]
    both = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    records = [
        json.loads(line)
        for run in both
        for line in run.communicate(timeout=200)[0].split("\n")
        if line
    ]
    assert [run.returncode for run in both] == [0, 0]
    made = [record["source"] for record in records if record["status"] == "separated"]
    assert sorted(made) == [f"album/{number}.wav" for number in range(4)]
    again = unmix("separate", *wanted, cwd=tmp_path)
    assert [json.loads(line)["status"] for line in again.stdout.splitlines()] == ["skipped"] * 4


# Streams


def test_closed_stdin(tmp_path: Path, tiny_model: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m unmixcli separate - -m "$1" <&-', sys.executable, str(tiny_model)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "standard input is closed" in done.stderr


@POSIX
@pytest.mark.parametrize("command", [("models", "list"), ("--help",)])
def test_a_full_stdout(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = unmix(*command, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_a_code_page_without_check_marks() -> None:
    done = unmix("doctor", env=os.environ | {"PYTHONIOENCODING": "cp1252"})
    assert "Traceback" not in done.stderr and "UnicodeEncodeError" not in done.stderr
    assert done.stdout


@pytest.mark.parametrize("columns", ["0", "00", ""])
def test_a_terminal_of_no_width(columns: str) -> None:
    done = unmix("models", "list", env=os.environ | {"COLUMNS": columns})
    assert "umx-synth" in done.stdout


def test_few_file_handles_are_said_to_be_few(tmp_path: Path, tiny_model: Path) -> None:
    write_float(tmp_path / "s.wav", music(0.1))
    code = (
        "import os, resource, sys; from unmixcli import Separator; import unmixcli.audio.decoding\n"
        "separator = Separator(model=sys.argv[1], overwrite=True)\n"
        "separator.separate_file('s.wav')\n"
        "used = len(os.listdir('/proc/self/fd'))\n"
        "for room in range(2, 8):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (used + room, 4096))\n"
        "    try: separator.separate_file('s.wav')\n"
        "    except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert said and all("too many files are open" in line for line in said), done


def test_quiet_keeps_libraries_quiet(tmp_path: Path, tiny_model: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", music(2), 44100)
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(data[: len(data) // 2])
    loud = unmix("separate", "a.mp3", "-m", tiny_model, cwd=tmp_path)
    quiet = unmix("separate", "a.mp3", "-m", tiny_model, "--quiet", cwd=tmp_path)
    assert "Xing" in loud.stderr  # libmpg123 still speaks, so the test tests something
    assert len(quiet.stderr.splitlines()) == 1 and quiet.stderr.startswith("error: a.mp3")


def test_nothing_of_unknown_origin_controls_the_terminal(
    run: Run, tiny_model: Path, home: Path, song: Path
) -> None:
    evil = "\x1b[31m\x9b2J\x07evil[/red]"
    assert run("separate", song, "-m", tiny_model, "-t", "vocals", "-o", "out").code == 0
    record = next(Path("out").rglob(".unmix.json"))
    made = record.read_text()
    record.write_text(made.replace(json.dumps(tiny_model.name), json.dumps(evil)))
    wanted = ("-m", tiny_model, "-t", "vocals", "-o", "out", "--skip-existing")
    outcomes = [run("separate", song, *wanted)]
    outcomes.append(run("separate", f"{evil}.wav", f"{evil}2.wav", *wanted))
    home.mkdir(exist_ok=True)
    card = {"plugin": "openunmix", "licence": evil, "title": evil, "restriction": evil}
    lines = [f"{key} = {json.dumps(value)}" for key, value in card.items()]
    text = "\n".join(["[odd]", *lines, 'targets = ["a"]', "sample_rate = 44100"])
    (home / "models.toml").write_text(text)
    outcomes += [run("models", "list"), run("models", "info", "odd"), run("doctor")]
    outcomes += [run("models", "info", "odd", "--json"), run("models", "info", evil)]
    for outcome in outcomes:
        for text in (outcome.out, outcome.err):
            assert not set(text) & {"\x1b", "\x9b", "\x07"}
    assert "evil" in outcomes[3].out and "evil" in outcomes[1].err
