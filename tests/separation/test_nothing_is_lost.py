"""What is never lost: inputs, records of finished stems, pages, and the rest of a batch."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from batches import statuses
from running import Run, files
from sounds import music, write_float
from unmixcli.audio.writing import StemWriter
from unmixcli.files.signals import unbroken

TWO = ("-t", "vocals,drums")


@pytest.fixture
def song(run: Run) -> Path:
    return write_float(Path("song.wav"), music(0.3))


# Inputs


def test_overwrite_does_not_replace_the_recording(run: Run, tiny_model: Path, song: Path) -> None:
    before = song.read_bytes()
    wanted = ("--preset", "karaoke", "--filename", "{track}.{ext}", "--overwrite")
    outcome = run("separate", song, "-m", tiny_model, *wanted)
    assert outcome.code == 1 and "would replace song.wav" in outcome.error
    assert song.read_bytes() == before and files() == ["song.wav"]


def test_overwrite_does_not_replace_another_input(run: Run, tiny_model: Path, song: Path) -> None:
    """The first recording's stem would have the name of the second recording."""
    Path("in").mkdir()
    first, second = Path("in/a.wav"), Path("in/a vocals.wav")
    first.write_bytes(song.read_bytes())
    second.write_bytes(song.read_bytes())
    wanted = ("-o", "in", "--filename", "{track} {target}.{ext}", "--overwrite", "--json")
    outcome = run("separate", first, second, "-m", tiny_model, "-t", "vocals", *wanted)
    assert outcome.code == 1 and statuses(outcome) == ["failed", "separated"]
    assert "a vocals.wav, which is an input of this run" in outcome.err
    assert second.read_bytes() == song.read_bytes()


def test_the_library_does_not_replace_the_recording(tiny_model: Path, song: Path) -> None:
    from unmixcli import Separator
    from unmixcli.errors import OutputError

    os.link(song, "song vocals.wav")  # the same file under another name
    separator = Separator(
        model=str(tiny_model), targets="vocals", filename="{track} {target}.{ext}", overwrite=True
    )
    with pytest.raises(OutputError, match="is the recording itself"):
        separator.separate_file(song)


# Records


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_placing_and_recording_waits(
    run: Run, tiny_model: Path, song: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    place = StemWriter.place

    def interrupted(writer: StemWriter) -> None:
        place(writer)
        monkeypatch.setattr(StemWriter, "place", place)
        signal.raise_signal(number)

    monkeypatch.setattr(StemWriter, "place", interrupted)
    outcome = run("separate", song, "-m", tiny_model, *TWO, "-o", "out")
    assert outcome.code in (130, 128 + signal.SIGTERM)
    assert {"out/song/vocals.wav", "out/song/drums.wav", "out/song/.unmix.json"} <= set(files())
    again = run("separate", song, "-m", tiny_model, *TWO, "-o", "out", "--skip-existing", "--json")
    assert statuses(again) == ["skipped"]


def test_a_signal_waits_and_then_comes() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), unbroken():
        signal.raise_signal(signal.SIGINT)
        done.append("still here")
    assert done
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


# The same size and time, other content


def test_content_is_compared_if_asked(run: Run, tiny_model: Path, song: Path) -> None:
    wanted = ("separate", song, "-m", tiny_model, *TWO, "-o", "out", "--skip-existing", "--json")
    assert statuses(run(*wanted)) == ["separated"]
    facts = song.stat()
    data = bytearray(song.read_bytes())
    data[-1] ^= 1
    song.write_bytes(data)
    os.utime(song, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert statuses(run(*wanted)) == ["skipped"]  # as the documentation says
    outcome = run(*wanted, "--compare-content")
    assert statuses(outcome) == ["failed"] and "made from another recording" in outcome.err


# Pages


def test_a_missing_page_is_made(run: Run, tiny_model: Path, song: Path) -> None:
    wanted = ("separate", song, "-m", tiny_model, *TWO, "-o", "out", "--json")
    assert statuses(run(*wanted)) == ["separated"]
    left = Path("out/song/.index.html.0123abcd.part")
    left.write_text("half")
    outcome = run(*wanted, "--skip-existing", "--page")
    assert statuses(outcome) == ["skipped"]
    assert json.loads(outcome.out)["page"] == "out/song/index.html"
    page = Path("out/song/index.html").read_text()
    assert "vocals" in page and not left.exists()
    # Another run leaves it alone.
    outcome = run(*wanted, "--skip-existing", "--page")
    assert statuses(outcome) == ["skipped"] and "page" not in json.loads(outcome.out)
    assert Path("out/song/index.html").read_text() == page


def test_a_process_that_stopped_for_minutes_does_not_write_what_another_wrote(
    run: Run, tiny_model: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim expired, and another process finished the same recording."""
    common = ("separate", song, "-m", tiny_model, "-t", "vocals", "-o", "out", "--skip-existing")
    finish = StemWriter.finish

    def stopped(writer: StemWriter) -> None:
        finish(writer)
        monkeypatch.setattr(StemWriter, "finish", finish)
        Path("out/song/.unmix.json.lease").unlink(missing_ok=True)
        assert run(*common, "--quiet").code == 0

    monkeypatch.setattr(StemWriter, "finish", stopped)
    outcome = run(*common, "--json")
    assert (outcome.code, statuses(outcome)) == (0, ["skipped"])
    assert files() == ["out/song/.unmix.json", "out/song/vocals.wav", "song.wav"]
