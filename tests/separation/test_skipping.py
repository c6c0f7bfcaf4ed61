"""What is skipped, and what must not be: the record of how stems were made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from batches import STEMS, records, statuses
from running import Run, files
from sounds import music, write_float


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
