"""`unmix evaluate`: its table, its files and its errors."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scored import RATE, TARGETS, museval, track, write
from sounds import music
from unmixcli.cli.app import app
from unmixcli.errors import UnmixError
from unmixcli.evaluation import evaluate
from unmixcli.evaluation.boxplot import draw_boxplot
from unmixcli.evaluation.result import TargetScores, TrackScores, summarise

__all__ = ["museval"]


@pytest.fixture
def folders(tmp_path) -> list[str]:
    true, estimates = track(5, 1.5)
    write(tmp_path / "true" / "A", true)
    write(tmp_path / "true" / "B", true)
    write(tmp_path / "estimated" / "A", estimates)
    write(tmp_path / "estimated" / "B", estimates)
    return [str(tmp_path / "estimated"), str(tmp_path / "true")]


def run(*args: str):
    result = CliRunner().invoke(app, ["evaluate", *args])
    if isinstance(result.exception, UnmixError):
        return result.exception.exit_code, str(result.exception), ""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr, result.stdout


def test_the_table_and_the_picture(folders, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    plot = tmp_path / "scores.svg"
    code, err, out = run(*folders, "--plot", str(plot))
    assert code == 0 and err.split() == ["A", "B"]
    assert "2 tracks, medians" in out and "SI-SDR" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert set(TARGETS) | {"mean"} <= set(rows)
    figures = [float(rows[name][0]) for name in TARGETS]
    assert float(rows["mean"][0]) == pytest.approx(np.mean(figures), abs=0.011)
    assert "</svg>" in plot.read_text() and not list(tmp_path.glob(".*"))
    run(*folders, "--plot", str(tmp_path / "scores.png"), "-q")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_si_sdr_only(folders):
    code, _, out = run(*folders, "--si-sdr-only", "--json")
    found = json.loads(out)
    assert code == 0 and [track["track"] for track in found["tracks"]] == ["A", "B"]
    assert found["targets"]["bass"]["sdr"] is None
    assert found["targets"]["bass"]["si_sdr"] == found["tracks"][0]["targets"]["bass"]["si_sdr"]


def test_files_of_scores(folders, tmp_path, museval):
    table, folder = tmp_path / "scores.csv", tmp_path / "scores"
    code, _, out = run(*folders, "--csv", str(table), "--museval", str(folder), "--by-track")
    assert code == 0 and {"A", "B"} <= {
        line.split()[0] for line in out.splitlines() if line.split()
    }
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [(row["track"], row["target"]) for row in rows] == [
        (name, target) for name in "AB" for target in ("vocals", "drums", "bass")
    ]
    store = museval.EvalStore()
    store.add_eval_dir(folder)
    theirs = store.agg_frames_tracks_scores()
    for row in rows[:3]:
        assert float(row["sdr"]) == pytest.approx(theirs[row["target"]]["SDR"], abs=2e-5)
    from jsonschema import validate

    schema = json.loads((Path(museval.__path__[0]) / "musdb.schema.json").read_text())
    validate(json.loads((folder / "test" / "A.json").read_text()), schema)


def test_the_picture_names_the_model_and_counts(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    scores = TargetScores(sdr=1.0, si_sdr=2.0)
    found = [
        TrackScores(track=t, model="umxhq", targets=dict.fromkeys(("other", "vocals"), scores))
        for t in "ab"
    ]
    draw_boxplot(summarise(found, {}), tmp_path / "scores.svg")
    drawn = re.findall(r"<!-- (.+?) -->", (tmp_path / "scores.svg").read_text())
    assert "umxhq: 2 tracks, the median of each" in drawn
    labels = [text for text in drawn if text in ("vocals", "other", "n = 2")]
    assert labels[:4] == ["vocals", "n = 2", "other", "n = 2"]


def test_the_model_comes_from_the_record_beside_the_stems(tmp_path):
    true, estimates = track(8, 1.5)
    write(tmp_path / "true", true)
    made = write(tmp_path / "estimated", estimates)
    stems = {f"{name}.wav": {} for name in estimates}
    entry = {"done": True, "model": "umxl", "stems": stems}
    (made / ".unmix.json").write_text(json.dumps({"version": 1, "made": [entry]}))
    (scored,) = evaluate(made, tmp_path / "true", si_sdr_only=True).tracks
    assert scored.model == "umxl"


def test_a_track_that_fails_does_not_stop_the_others(folders):
    (Path(folders[0]) / "A" / "bass.wav").write_bytes(b"nothing")
    write(Path(folders[0]) / "C", {"vocals": music(1.0, RATE)})
    code, err, out = run(*folders, "--si-sdr-only")
    assert code == 1 and "A was skipped" in err and "C was skipped" in err
    assert "bass" in out


def test_what_is_missing_is_said_in_a_sentence(folders, tmp_path, monkeypatch):
    code, err, _ = run(str(tmp_path / "none"), folders[1])
    assert code == 1 and err.endswith("is not a folder")
    code, err, _ = run(*folders, "--plot", str(tmp_path / "scores.bmp"))
    assert code == 2 and "must end in .png, .svg, .pdf" in err
    code, err, _ = run(*folders, "--csv", str(tmp_path))
    assert code == 1 and "is a folder" in err
    code, err, _ = run(*folders, "--museval", str(tmp_path), "--si-sdr-only")
    assert code == 2 and "needs BSS Eval" in err
    code, err, _ = run(*folders, "--plot", str(tmp_path / "none" / "scores.png"))
    assert code == 1 and "does not exist" in err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, err, _ = run(*folders, "--plot", str(tmp_path / "scores.png"))
    assert code == 1 and "pip install matplotlib" in err
