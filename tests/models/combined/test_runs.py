"""Ensembles and chains as a user runs them: files, records, kills, options of any model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from networks import four_states, random_state, write_folder
from running import files
from sounds import music, write_float
from unmixcli.separation.separator import Separator

CHAIN = """
[parts]
title = "Two stages"
[[parts.stages]]
model = "{first}"
keep = ["vocals", "bass"]
[[parts.stages]]
model = "{second}"
input = "drums"
names = {{ speech = "kick" }}
[both]
members = ["{first}", "umx-synth"]
method = "max-spectrum"
"""


@pytest.fixture
def models(home: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two tiny models, one of four targets, one of one at another rate, and tables with them."""
    first = write_folder(tmp_path / "first", four_states(hidden=8))
    second = write_folder(tmp_path / "second", {"speech": random_state(8, channels=1)},
                          sample_rate=16000)  # fmt: skip
    home.mkdir(exist_ok=True)
    (home / "models.toml").write_text(CHAIN.format(first=first, second=second))
    return first, second


def song(seconds: float = 2.0) -> Path:
    return write_float(Path("song.wav"), music(seconds))


def test_a_chain_from_the_command_line(run, models):
    song()
    assert run("separate", "song.wav", "--model", "parts", "--page").code == 0
    assert sorted(path.name for path in Path("song_parts").glob("*.wav")) == [
        "bass.wav",
        "kick.wav",
        "vocals.wav",
    ]
    made = json.loads(Path("song_parts/.unmix.json").read_text())["made"][0]
    assert made["model"] == "parts" and made["weights"]
    assert [part["niter"] for part in made["model_options"]["parts"]] == [1, 1]
    # The vocals are what the first stage makes by itself.
    first = Separator(model=str(models[0]), targets=("bass", "drums", "vocals"))
    stems = first.separate(music(2.0), 44100)
    assert np.array_equal(soundfile.read("song_parts/vocals.wav", dtype="float32")[0],
                          stems["vocals"])  # fmt: skip
    again = run("separate", "song.wav", "--model", "parts", "--skip-existing")
    assert "skipped" in again.err
    changed = run("separate", "song.wav", "--model", "parts", "--skip-existing", "--niter", 0)
    assert changed.code == 1 and "--overwrite" in changed.err


def test_other_weights_of_a_member_are_another_recipe(run, models):
    song()
    assert run("separate", "song.wav", "--model", "both").code == 0
    assert "skipped" in run("separate", "song.wav", "--model", "both", "--skip-existing").err
    write_folder(models[0], {"drums": random_state(8, seed=77)})
    result = run("separate", "song.wav", "--model", "both", "--skip-existing")
    assert result.code == 1 and "other weights of both" in result.err


def test_sums_of_models_and_sums_that_close(run, models):
    song()
    name = f"{models[0]}+umx-synth"
    result = run("separate", "song.wav", "--model", name, "--sum", "exact", "--json")
    record = json.loads(result.out)
    assert record["model"] == "first+umx-synth" and record["gap_db"] < 0
    made = json.loads(Path("song_first+umx-synth/.unmix.json").read_text())["made"][0]
    assert made["measured"] == {"gap_db": record["gap_db"]}
    stems = [soundfile.read(path)[0] for path in record["stems"].values()]
    assert np.abs(sum(stems) - music(2.0)).max() < 1e-6
    plain = json.loads(run("separate", "song.wav", "--model", name, "--overwrite", "--json").out)
    assert plain["gap_db"] is None


def test_a_sum_that_makes_no_sense(run, models):
    song()
    for arguments, words in [
        (("--sum", "vocal"), "did you mean vocals?"),
        (("--sum", "exact", "--targets", "vocals"), "--sum needs several stems"),
        (("--sum", "exact", "--residual"), "with --sum nothing remains"),
    ]:
        assert words in run("separate", "song.wav", "--model", "both", *arguments).error
    assert files() == ["song.wav"]


def test_any_model_can_be_averaged_over_views(run):
    song()
    assert run("separate", "song.wav", "-m", "umx-synth", "--option", "shifts=2",
               "--option", "polarity=true", "-t", "vocals").code == 0  # fmt: skip
    made = json.loads(Path("song_umx-synth/.unmix.json").read_text())["made"][0]
    assert made["model_options"]["own"] == {"shifts": 2, "polarity": True, "exchange": False}
    averaged = soundfile.read("song_umx-synth/vocals.wav")[0]
    audio = music(2.0)
    plain = Separator(model="umx-synth", targets="vocals")
    later = np.concatenate([np.zeros((11025, 2), np.float32), audio])
    expected = np.mean(
        [
            plain.separate(audio, 44100)["vocals"],
            plain.separate(later, 44100)["vocals"][11025:],
            -plain.separate(-audio, 44100)["vocals"],
        ],
        0,
    )
    assert np.abs(averaged - expected).max() < 1e-6
    result = run("separate", "song.wav", "-m", "umx-synth", "--option", "shifts=0")
    assert "option shifts of umx-synth" in result.error


KILLED = """
import os, signal, sys
from unmixcli.separation.separator import Separator
def progress(stage, fraction):
    if stage.startswith("2/2"):
        os.kill(os.getpid(), signal.SIGKILL)
Separator(model="parts", temp_dir=sys.argv[1]).separate_file("song.wav", progress)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_in_the_second_stage(run, models, tmp_path):
    song()
    spools = tmp_path / "spools"
    spools.mkdir()
    process = subprocess.run([sys.executable, "-c", KILLED, str(spools)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert not list(Path("song_parts").glob("[!.]*")) and not list(spools.iterdir())
    assert run("separate", "song.wav", "--model", "parts", "--skip-existing").code == 0
    assert len(list(Path("song_parts").glob("*.wav"))) == 3
    assert not list(Path("song_parts").glob("*.part"))


def test_a_goal_and_the_hint_at_goals(run):
    song(1.0)
    result = run("separate", "song.wav", "--for", "karaoke", "--offline", "--effort", "best")
    assert result.code == 0 and Path("song_umx-synth/karaoke.wav").exists()
    line = next(line for line in result.err.splitlines() if line.startswith("chosen for karaoke"))
    assert "licence: MIT" in line and "--model umx-synth --preset karaoke" in line
    assert (
        "give either --model or --for"
        in run("separate", "song.wav", "--for", "stems", "-m", "x").error
    )
    ranked = json.loads(run("models", "list", "--for", "karaoke", "--json").out)
    assert ranked["models"][-1]["name"] == "umx-synth"
    assert ranked["models"][-1]["all_here"]
    assert "umx-synth" in run("models", "list", "--for", "karaoke").out


def test_combinations_among_the_models(run, models):
    table = run("models", "list").out
    assert "\nboth " in table and "\nparts " in table
    facts = json.loads(run("models", "info", "both", "--json").out)
    assert facts["members"] == ["first", "umx-synth"] and len(facts["files"]) == 5
    assert [option["name"] for option in facts["options"]][:3] == ["shifts", "polarity", "exchange"]
    assert "made of" in run("models", "info", "parts").out
    assert "both has no weights of its own" in run("models", "remove", "both").error
    assert run("models", "fetch", "both").code == 0
    assert "good" in run("models", "verify", "both").out
