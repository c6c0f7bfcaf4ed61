"""Long lists, shares of a library, and recordings that share a name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batches import STEMS, names, records, statuses
from running import Run
from sounds import music, write_aac, write_float
from unmixcli.errors import InputError
from unmixcli.files.ledger import Ledger
from unmixcli.separation import inputs
from unmixcli.separation.backlog import Backlog
from unmixcli.separation.inputs import Found, find_recordings
from unmixcli.separation.shards import Shard


def test_the_first_recording_does_not_wait_for_the_list() -> None:
    def endless() -> Iterator[Found]:
        number = 0
        while True:
            number += 1
            yield Found(Path(f"{number}.wav"))
            time.sleep(0.001)

    with Backlog(endless()) as backlog:
        first = next(iter(backlog))
        assert first.found == Found(Path("1.wav")) and not backlog.complete
    assert not backlog._thread.is_alive()


def test_longest_first_keeps_the_order_of_equals(tmp_path: Path) -> None:
    found = []
    for name, size in [("a", 5), ("b", 9), ("c", 5), ("d", 0), ("e", 9)]:
        (tmp_path / name).write_bytes(bytes(size))
        found.append(Found(tmp_path / name))
    with Backlog([*found, InputError("nothing")], "longest-first", remember_files=True) as backlog:
        order = [each.found for each in backlog]
        assert [x.path.name for x in order if isinstance(x, Found)] == ["b", "e", "a", "c", "d"]
        assert (backlog.count, backlog.size) == (6, 28)
        assert backlog.contains(tmp_path / "c") and not backlog.contains(tmp_path)


def test_an_error_of_the_list_reaches_the_run() -> None:
    def broken() -> Iterator[Found]:
        yield Found(Path("a.wav"))
        raise ZeroDivisionError

    with Backlog(broken()) as backlog, pytest.raises(ZeroDivisionError):
        list(backlog)


def test_names_beyond_memory() -> None:
    ledger = Ledger()
    assert ledger.add("odd\udcff", "note\udcff") and not ledger.add("odd\udcff", "other")
    assert (ledger.note("odd\udcff"), ledger.note("none")) == (Path("note\udcff"), None)


def test_lists_are_longer_than_a_document(tmp_path: Path) -> None:
    """The names of a list are read as they are needed; a folder among them is found ahead."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").touch()
    lines = [f"{number}-{'x' * 200}.wav" for number in range(2000)]
    text = "\n".join([str(tmp_path / "one"), *lines, str(tmp_path / "two")])
    (tmp_path / "list").write_text(text)
    found = list(find_recordings([f"@{tmp_path / 'list'}"]))
    assert names(found[1:-1]) == lines
    assert [each.subfolder for each in (found[0], found[-1])] == [Path("one"), Path("two")]


def test_shards_share_everything_once() -> None:
    found = [Found(Path(f"{number}.wav")) for number in range(200)]
    shares = [list(Shard.parse(f"{k}/3").of(found)) for k in (1, 2, 3)]
    assert sorted(name for share in shares for name in names(share)) == sorted(names(found))
    assert all(40 < len(share) < 100 for share in shares)
    (without,) = Shard.parse("2/3").of([InputError("x")])
    assert isinstance(without, InputError)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0"])
def test_no_such_shard(batch: Run, album: list[str], text: str) -> None:
    outcome = batch("album", "--shard", text)
    assert outcome.code == 2 and "write it as NUMBER/COUNT" in outcome.error


def test_a_run_over_a_shard_with_a_report(batch: Run, album: list[str]) -> None:
    Path("album/bad.wav").write_bytes(b"RIFF, more or less")
    rows = []
    for shard in ("1/2", "2/2"):
        outcome = batch("album", "--shard", shard, "--report", "rows.jsonl")
        rows += records(outcome)
    written = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert written == rows and len({row["source"] for row in rows}) == 5
    assert sorted(row["status"] for row in rows) == ["failed"] + 4 * ["separated"]
    outcome = batch("album", "--report", "missing/rows.jsonl")
    assert outcome.code == 2 and "missing/rows.jsonl cannot be written" in outcome.error


def test_order_by_length(batch: Run, album: list[str]) -> None:
    write_float(Path("album/cd2/1.wav"), music(0.9))
    outcome = batch("album", "--order", "longest-first")
    assert [row["source"] for row in records(outcome)] == [album[3], *album[:3]]
    outcome = batch("album", "--order", "longest")
    assert outcome.code == 2 and "did you mean longest-first" in outcome.error


def test_a_video_beside_its_sound(batch: Run, run: Run) -> None:
    """The second one's folder has the extension, now and in every later run."""
    Path("in").mkdir()
    write_aac(Path("in/a.mp4"), music(0.5))
    write_float(Path("in/a.wav"), music(0.5, seed=1))
    folders = {"in/a.mp4": "out/a", "in/a.wav": "out/a.wav"}
    for arguments, status in [
        (["in"], "separated"),
        (["in"], "skipped"),
        (["in/a.wav"], "skipped"),
        (["in/a.wav", "in/a.mp4"], "skipped"),
    ]:
        outcome = batch(*arguments, *(["--skip-existing"] if status == "skipped" else []))
        assert outcome.code == 0, outcome.err
        for row in records(outcome):
            assert row["status"] == status
            assert row["stems"]["vocals"] == f"{folders[row['source']]}/vocals.wav"
    Path("in/a.mp4").unlink()  # its stems are in the way again, as those of any recording
    outcome = batch("in/a.wav", "--overwrite")
    assert statuses(outcome) == ["separated"]
    assert records(outcome)[0]["stems"]["vocals"] == "out/a/vocals.wav"


def test_stems_of_the_run_are_no_recordings(
    run: Run, tiny_model: Path, album: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that is read is the one that is written to, while it is being read."""
    monkeypatch.setattr("unmixcli.separation.backlog._FIRST_LOOK", 0.0)
    walk = inputs.walk

    def slowly(folder: Path) -> Iterator[Path]:
        for number, path in enumerate(walk(folder)):
            if number == 1:  # the stems of the first are there by now
                for _ in range(600):
                    if Path("album/1/vocals.wav").exists():
                        break
                    time.sleep(0.05)
                yield from walk(folder / "1")
                yield folder / "1/vocals.wav"
            yield path

    monkeypatch.setattr(inputs, "walk", slowly)
    outcome = run(
        "separate", "album", "-m", tiny_model, "-t", ",".join(STEMS), "-o", "album", "--json"
    )
    assert [row["source"] for row in records(outcome)] == album
    assert statuses(outcome) == ["separated"] * 4
