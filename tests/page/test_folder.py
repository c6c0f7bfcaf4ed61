"""`unmix page` and `unmix demo --page`; the lanes and the progress of a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from running import Run
from sounds import music, write_aac
from streams import cut_evenly
from unmixcli import Separator
from unmixcli.audio.reading import open_excerpt
from unmixcli.audio.tags.reading import Tags
from unmixcli.cli import demo, ui
from unmixcli.page import About, sound, write_page
from unmixcli.page.lanes import Lane, fit
from unmixcli.page.pictures import enlargement
from unmixcli.separation.stem_folder import StemFolder, short_names


def stem(path: Path, seconds: float = 0.5, rate: int = 44100, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, music(seconds, rate, seed=seed), rate)
    return path


def track_of(page: Path) -> dict[str, object]:
    text = page.read_text("utf-8")
    return json.loads(text.split('id="track">')[1].split("</script>")[0])


# --- unmix page ---


def test_stems_of_another_program(run: Run) -> None:
    """As demucs and MUSDB lay them out, in several formats and rates."""
    stem(Path("song/other.flac"))
    stem(Path("song/drums.wav"), rate=22050)
    write_aac(Path("song/vocals.m4a"), music(0.5))
    stem(Path("song/mixture.wav"))
    Path("song/cover.jpg").write_bytes(b"no sound")
    outcome = run("page", "song")
    assert outcome.code == 0, outcome.err
    assert outcome.out.strip() == "song/index.html"
    track = track_of(Path("song/index.html"))
    assert track["stems"] == ["vocals", "drums", "other"] and track["title"] == "song"
    text = Path("song/index.html").read_text("utf-8")
    assert 'class="row mixture"' in text and text.count('id="sound-') == 4
    assert "3 stems · 0:00" in text


def test_names_lose_what_they_share(run: Run) -> None:
    stem(Path("out/Song_(Vocals)_kim.wav"))
    stem(Path("out/Song_(Instrumental)_kim.wav"))
    recording = stem(Path("Song.wav"))
    assert run("page", "out", "--mixture", recording, "-o", "listen.html").code == 0
    track = track_of(Path("listen.html"))
    assert track["stems"] == ["Vocals", "Instrumental"] and track["title"] == "Song"


def test_our_own_stems_keep_their_model(run: Run, tiny_model: Path) -> None:
    song = stem(Path("song.wav"))
    Separator(model=str(tiny_model), niter=0, outdir=Path("out")).separate_file(song)
    assert run("page", "out/song", "--title", "A <b> title").code == 0
    text = Path("out/song/index.html").read_text("utf-8")
    assert "4 stems by" in text and "song.wav" in text and "A &lt;b&gt; title" in text
    assert 'class="row mixture"' not in text  # it is not beside them


def test_one_stem_needs_no_solo(run: Run) -> None:
    stem(Path("song/vocals.wav"))
    assert run("page", "song").code == 0
    text = Path("song/index.html").read_text("utf-8")
    assert 'class="solo"' not in text and 'class="mute"' in text


def test_a_page_is_not_replaced_unasked(run: Run) -> None:
    stem(Path("song/vocals.wav"))
    Path("song/index.html").write_text("mine")
    outcome = run("page", "song")
    assert outcome.code == 1 and "--overwrite" in outcome.error and "--output" in outcome.error
    assert Path("song/index.html").read_text() == "mine"
    assert run("page", "song", "--overwrite").code == 0
    assert Path("song/index.html").read_text("utf-8") != "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["empty"], "empty has no stems"),
        (["album/one.wav"], "is a file, not a folder"),
        (["album"], "one.wav 0:01: stems of one recording are equally long"),
        (["album", "--mixture", "none.wav"], "none.wav does not exist"),
        (["album", "--output", "album/one.wav", "--overwrite"], "has to end in .html"),
        (["good", "--output", "nowhere/page.html"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Run, arguments: list[str], words: str) -> None:
    Path("empty").mkdir()
    stem(Path("album/one.wav"), 0.6)
    stem(Path("album/two.wav"), 3)
    stem(Path("good/vocals.wav"))
    before = Path("album/one.wav").read_bytes()
    outcome = run("page", *arguments)
    assert outcome.code in (1, 2) and words in outcome.error
    assert Path("album/one.wav").read_bytes() == before
    assert not list(Path().rglob("*.html")) and not list(Path().rglob("*.part"))


def test_too_many_files_are_no_stems(tmp_path: Path) -> None:
    for number in range(65):
        (tmp_path / f"{number}.wav").touch()
    with pytest.raises(Exception, match="65 audio files"):
        StemFolder.of(tmp_path)


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["vocals", "violin"], ["vocals", "violin"]),
        (["01 song - drums", "01 song - bass"], ["drums", "bass"]),
        (["a", "a b"], ["a", "a b"]),
        (["only one"], ["only one"]),
        (["lead-vocals", "lead-guitar"], ["lead-vocals", "lead-guitar"]),
        ([], []),
    ],
)
def test_short_names(names: list[str], short: list[str]) -> None:
    assert short_names(names) == short


def test_the_demo_has_a_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(demo, "open_page", opened.append)
    outcome = run("demo", "--outdir", "out", "--page")
    assert outcome.code == 0, outcome.err
    assert opened == [Path("out/index.html")] and "out/index.html" in outcome.out
    assert 'class="row mixture"' in Path("out/index.html").read_text("utf-8")


# --- a separation's page ---


def test_the_page_has_the_part_of_the_mixture_that_was_separated(tmp_path, tiny_model) -> None:
    song = stem(tmp_path / "song.wav", 2.0)
    told: list[tuple[str, float]] = []
    separator = Separator(
        model=str(tiny_model), niter=0, outdir=tmp_path, page=True, start=0.5, duration=1.0
    )
    track = separator.separate_file(song, lambda *event: told.append(event))
    assert track.page is not None
    assert track_of(track.page)["seconds"] == 1.0
    assert 'class="row mixture"' in track.page.read_text("utf-8")
    stages = [stage for stage, _ in told]
    first = stages.index("drawing")
    assert set(stages[first:]) == {"drawing", "encoding"}
    fractions = [fraction for _, fraction in told[first:]]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and fractions[0] < 0.5


def test_the_mixture_is_as_loud_as_the_stems_together(tmp_path, tiny_model) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 6 * music(1.0), 44100, "FLOAT")
    separator = Separator(
        model=str(tiny_model), niter=0, outdir=tmp_path, page=True, format="flac", clip="rescale"
    )
    track = separator.separate_file(song)
    assert track.gain < 1
    assert track_of(track.page)["gain"] == pytest.approx(track.gain, abs=1e-5)
    assert "dB lower" in track.page.read_text("utf-8")


# --- lanes ---


@pytest.mark.parametrize("length", [1, 999, 1000, 1001, 140000])
def test_fit_cuts_or_fills_with_silence(length: int) -> None:
    audio = np.random.default_rng(0).normal(size=(2, 1000)).astype(np.float32)
    found = np.concatenate(list(fit(cut_evenly(audio, 333), length)), axis=-1)
    assert found.shape == (2, length)
    assert np.array_equal(found[:, :1000], audio[:, :length])
    assert not found[:, 1000:].any()


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_every_lane_has_the_same_length_in_the_page(tmp_path: Path, rate: int) -> None:
    recording = open_excerpt(stem(tmp_path / "a.wav", 0.4, rate))
    lane = Lane("a", recording, 0.4567)
    assert lane.opus_length == -(-4567 * sound.RATE // 10000)
    assert sum(block.shape[-1] for block in lane.opus_blocks()) == lane.opus_length
    assert sum(block.shape[-1] for block in lane.blocks()) == lane.length


def test_quiet_lanes_are_enlarged_as_far_as_they_fit() -> None:
    assert enlargement(1.0, 1.0) == 1
    assert enlargement(0.66, 1.0) == 1.5
    assert enlargement(0.0101, 1.0) == 50
    assert enlargement(0.0001, 1.0) == 1  # silence stays silence
    assert enlargement(0.0, 0.0) == 1


def test_a_silent_page_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((1000, 1)), 44100)
    write_page(tmp_path / "index.html", {"silence": path}, About(path, Tags()))
    assert "nan" not in (tmp_path / "index.html").read_text("utf-8").split("</svg>")[0]


def test_the_time_left_is_that_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the separation the page counts from 0 again, and so does its clock."""
    seconds = 0.0
    monkeypatch.setattr(ui.time, "monotonic", lambda: seconds)
    screen = ui.Screen()
    with screen.track(open_excerpt(stem(tmp_path / "a.wav"))) as update:
        seconds = 100.0
        update("separating", 1.0)
        update("drawing", 0.1)
        seconds = 102.0
        update("encoding", 0.5)
        (task,) = screen._progress.tasks
        assert task.percentage == 50
        assert task.fields["stage"] == "encoding"
        assert task.fields["speed"].endswith("0:02 left")
