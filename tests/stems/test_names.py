"""Where stems go: templates that stay in the output folder, and names that do not collide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import Run, files
from sounds import music, write_float
from unmixcli.errors import UsageError
from unmixcli.options.config import SeparationConfig
from unmixcli.stems.names import Namer

TWO = ("vocals", "drums")


def namer(template: str | None = None, outdir: str | None = "out", **options: Any) -> Namer:
    config = SeparationConfig.parse(filename=template, outdir=outdir, **options)
    return Namer.of(config.filename, config.outdir, "umxhq", config.format, TWO)


@pytest.mark.parametrize(
    ("template", "outdir", "path"),
    [
        (None, None, "song_umxhq/vocals.wav"),
        (None, "out", "out/song/vocals.wav"),
        ("{track}/{target}.{ext}", None, "song/vocals.wav"),
        ("{track} - {target} ({model}).{ext}", "out", "out/song - vocals (umxhq).wav"),
        ("{artist}/{title}/{target}.{ext}", "out", "out/A_C/What_/vocals.wav"),
        ("{target}/{track}.{ext}", "out", "out/vocals/song.wav"),
        ("{folder}/{track}/{target}.{ext}", "out", "out/cd 1/song/vocals.wav"),
        (r"{track}\{target}.{ext}", "out", "out/song/vocals.wav"),
    ],
)
def test_templates(template: str | None, outdir: str | None, path: str) -> None:
    tags = {"artist": "A/C", "title": "What\n"}
    paths = namer(template, outdir).paths(Path("cd 1/song.flac"), TWO, tags)
    assert paths["vocals"] == Path(path)
    assert len(set(paths.values())) == 2


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("/tmp/{target}.{ext}", "no absolute path"),
        ("C:/{target}.{ext}", "no absolute path"),
        (r"\\host\{target}.{ext}", "no absolute path"),
        ("../{target}.{ext}", r"no \.\."),
        ("a/../{target}.{ext}", r"no \.\."),
        ("~/{target}.{ext}", "not with ~"),
        ("{trak}/{target}.{ext}", r"\{trak\} is not a field; use \{track\} \{target\}"),
        ("{}/{target}.{ext}", "{} is not a field"),
        ("{track!r}/{target}.{ext}", "an unpaired brace"),
        ("{{track}}/{target}.{ext}", "an unpaired brace"),
        ("{track/{target}.{ext}", "an unpaired brace"),
        ("{track}/{target}", "must end in"),
        ("{track}/{target}.wav", "must end in"),
        ("{target}/.{ext}", "no name before"),
        ("a\nb/{target}.{ext}", "cannot be printed"),
        ("{track}.{ext}", r"put \{target\} into"),
    ],
)
def test_templates_that_are_refused(template: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        namer(template)


def test_one_stem_needs_no_target_in_its_name() -> None:
    one = Namer.of("{track}.{ext}", None, "umxhq", "wav", ["karaoke"])
    paths = one.paths(Path("song.mp3"), ["karaoke"])
    assert paths == {"karaoke": Path("song.wav")}


@given(
    st.text(max_size=300),
    st.text(max_size=300),
    st.sampled_from(["{artist}/{title}/{target}.{ext}", "{artist}{title}/{target}.{ext}"]),
)
def test_no_tag_leaves_the_folder(artist: str, title: str, template: str) -> None:
    tags = {"artist": artist, "title": title}
    (path,) = namer(template).paths(Path("song.flac"), ["vocals"], tags).values()
    assert path.parts[0] == "out"
    assert len(path.parts) == 1 + template.count("/") + 1
    assert not {"..", ".", ""} & set(path.parts)
    assert all(len(part.encode("utf-8", "surrogateescape")) <= 2 * 160 for part in path.parts)
    assert str(path).isprintable()


def test_artist_and_title_that_are_not_known() -> None:
    paths = namer("{artist} - {title} {target}.{ext}").paths(Path("01.flac"), TWO)
    assert paths["drums"] == Path("out/unknown artist - 01 drums.wav")


def test_manifests_of_recordings_that_share_a_folder() -> None:
    shared, own = namer("{track} {target}.{ext}"), namer()
    assert own.manifest(Path("a.wav")) == Path("out/a/.unmix.json")
    assert shared.manifest(Path("a.wav")) != shared.manifest(Path("b.wav"))
    by_target = namer("{target}/{track}.{ext}")
    assert by_target.manifest(Path("a.wav")).parent == Path("out")


def test_recordings_that_would_share_their_stems(run: Run, tiny_model: Path) -> None:
    for name in ("a/song.wav", "b/song.wav", "song.wav"):
        Path(name).parent.mkdir(exist_ok=True)
        write_float(Path(name), music(0.5))
    common = ["separate", "a/song.wav", "b/song.wav", "-m", tiny_model, "-t", "vocals", "-o", "out"]
    outcome = run(*common, "--quiet")
    assert outcome.code == 1
    assert "b/song.wav was skipped" in outcome.error
    assert "{folder}" in outcome.error
    assert run(*common, "--filename", "{folder}/{track}/{target}.{ext}").code == 0
    assert {"out/a/song/vocals.wav", "out/b/song/vocals.wav"} <= set(files())


def test_sub_folders_are_kept(run: Run, tiny_model: Path) -> None:
    for name in ("x/cd1/01.wav", "x/cd2/01.wav", "x/01.wav", "y/01.wav"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        write_float(Path(name), music(0.3))
    common = ["-m", tiny_model, "-t", "vocals"]
    assert run("separate", "x", *common, "-o", "out").code == 0
    stems = [name for name in files() if name.startswith("out") and name.endswith(".wav")]
    assert stems == [f"out/{n}/vocals.wav" for n in ("01", "cd1/01", "cd2/01")]
    assert run("separate", "x", "y", *common, "-o", "two").code == 0
    stems = [name for name in files() if name.startswith("two") and name.endswith(".wav")]
    assert stems == [f"two/{n}/vocals.wav" for n in ("x/01", "x/cd1/01", "x/cd2/01", "y/01")]
    assert run("separate", "x/*/01.wav", *common, "-o", "glob").code == 0
    stems = [name for name in files() if name.startswith("glob") and name.endswith(".wav")]
    assert stems == [f"glob/{n}/vocals.wav" for n in ("cd1/01", "cd2/01")]
