"""Defaults from config.toml and the environment: precedence, and messages about mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from running import Run
from sounds import music, write_float
from unmixcli.errors import UsageError
from unmixcli.options.config import SeparationConfig
from unmixcli.options.settings import Settings, config_file, variable_of


@pytest.fixture
def toml(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    assert config_file() == home / "config.toml"
    return home / "config.toml"


def test_the_last_word(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text('format = "flac"\nniter = 2\noutdir = "a"\nbit-depth = 16\n')
    monkeypatch.setenv("UNMIX_NITER", "3")
    monkeypatch.setenv("UNMIX_OUTDIR", "b")
    monkeypatch.setenv("UNMIX_TARGETS", "")
    settings = Settings.load({"outdir": "c"})
    config = settings.config()
    assert (config.format, config.bit_depth, config.niter) == ("flac", "16", 3)
    assert config.outdir == Path("c")
    sources = [settings.source(name) for name in ("format", "niter", "outdir", "model")]
    assert sources == [str(toml), "UNMIX_NITER", "option", "default"]


def test_every_option_can_be_set(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a value of the file and as the text of a variable."""
    values = {
        "model": ("'umxl'", "umxl", "umxl"),
        "goal": ("'stems'", "stems", "stems"),
        "effort": ("'best'", "best", "best"),
        "sum": ("'exact'", "exact", "exact"),
        "targets": ("['vocals', 'drums']", "vocals,drums", ("vocals", "drums")),
        "residual": ("true", "yes", True),
        "start": ("'1:30'", "1:30", 90.0),
        "duration": ("2.5", "2.5", 2.5),
        "niter": ("0", "0", 0),
        "softmask": ("true", "1", True),
        "alpha": ("2", "2", 2.0),
        "wiener_win_len": ("0", "0", 0),
        "device": ("'cpu'", "cpu", "cpu"),
        "precision": ("'bfloat16'", "bfloat16", "bfloat16"),
        "temp_dir": ("'~/t'", "~/t", Path("~/t").expanduser()),
        "options": ("{shifts = 2, fast = true}", "shifts=2,fast=true", None),
        "offline": ("true", "1", True),
        "mix": ("{k = 'drums+bass', l = 'vocals'}", "k=drums+bass,l=vocals", None),
        "preset": ("'karaoke'", "karaoke", ("karaoke",)),
        "only_mixes": ("true", "true", True),
        "outdir": ("'~/o'", "~/o", Path("~/o").expanduser()),
        "filename": ("'{target}.{ext}'", "{target}.{ext}", "{target}.{ext}"),
        "format": ("'MP3'", "MP3", "mp3"),
        "bit_depth": ("16", "16", "16"),
        "quality": ("3", "3", 3.0),
        "clip": ("'rescale'", "rescale", "rescale"),
        "loudness": ("-14", "-14", -14.0),
        "sample_rate": ("48000", "48000", 48000),
        "tags": ("false", "off", False),
        "page": ("true", "true", True),
        "overwrite": ("true", "true", True),
        "skip_existing": ("true", "true", True),
        "compare_content": ("true", "true", True),
    }
    assert set(values) == set(SeparationConfig.model_fields)
    values["options"] = (*values["options"][:2], {"shifts": "2", "fast": "true"})
    values["mix"] = (*values["mix"][:2], ("k=drums+bass", "l=vocals"))

    def load(field: str) -> Settings:
        return Settings.load({"format": "ogg"} if field == "quality" else {})

    for field, (written, typed, value) in values.items():
        toml.write_text(f"{field} = {written}\n")
        assert getattr(load(field).config(), field) == value, field
        toml.unlink()
        monkeypatch.setenv(variable_of(field), typed)
        assert getattr(load(field).config(), field) == value, field
        monkeypatch.delenv(variable_of(field))


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90", 90), ("1:30", 90), ("0:05.5", 5.5), ("75:00", 4500), ("1:02:03", 3723), ("0.25", 0.25)],
)
def test_times(typed: str, seconds: float) -> None:
    assert SeparationConfig.parse(start=typed, duration=typed).start == seconds


@pytest.mark.parametrize("typed", ["1:60", "1:2:3:4", ":30", "1:-3", "1:61:00", "a:30", "1:3a"])
def test_times_that_are_none(typed: str) -> None:
    with pytest.raises(UsageError, match=r"start '.*': write a time as seconds, m:ss or h:mm:ss"):
        SeparationConfig.parse(start=typed)


@pytest.mark.parametrize(
    ("typed", "value"), [("320k", "320k"), ("96 kbps", "96k"), ("7", 7.0), (10, 10.0)]
)
def test_qualities(typed: object, value: object) -> None:
    assert SeparationConfig.parse(quality=typed).quality == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("niter = -1", "config.toml, key niter: -1: it must be greater"),
        ("nitre = 1", "config.toml, key nitre: unknown option; did you mean niter"),
        ("bit-depth = 12", "config.toml, key bit-depth: '12': it must be"),
        ("format = 'docx'", "config.toml, key format: 'docx': it must be wav"),
        ("bit-depth = 16\nbit_depth = 24", "key bit_depth: it is set twice"),
        ("niter = ", "config.toml cannot be read: it is not valid TOML: "),
        ("[separate]\nniter = 1", "key separate: unknown option"),
        ("mix = 'drums'", "key mix: .*not of the form NAME=a[+]b-c"),
        ("filename = '/{target}.{ext}'", "key filename: .*no absolute path"),
    ],
)
def test_mistakes_in_the_file(toml: Path, text: str, words: str) -> None:
    toml.write_text(text)
    with pytest.raises(UsageError, match=words):
        Settings.load()


def test_a_file_that_is_not_text(toml: Path) -> None:
    toml.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"config\.toml cannot be read: it is not UTF-8"):
        Settings.load()
    toml.unlink()
    toml.mkdir()
    with pytest.raises(UsageError, match=r"config\.toml cannot be read: Is a directory"):
        Settings.load()


def test_a_mistake_in_a_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMIX_NITER", "many")
    outcome = run("separate", "song.wav")
    assert outcome.code == 2
    assert outcome.error.startswith("error: UNMIX_NITER: 'many': it must be a valid integer")


@pytest.mark.parametrize("value", ["1", "yes", "anything"])
def test_offline_means_the_same_to_every_command(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("UNMIX_OFFLINE", value)
    assert Settings.load().config().offline
    monkeypatch.setenv("UNMIX_OFFLINE", "off")
    assert not Settings.load().config().offline


def test_a_default_is_no_obstacle_to_an_option(toml: Path) -> None:
    """What only made sense without the option gives way to it."""
    toml.write_text("format = 'flac'\nbit-depth = 16\n")
    assert Settings.load({"format": "wav"}).config().bit_depth == "16"
    assert Settings.load({"format": "mp3"}).config().bit_depth is None
    toml.write_text("format = 'mp3'\nquality = 3\nclip = 'none'\n")
    config = Settings.load({"format": "flac"}).config()
    assert (config.quality, config.clip) == (None, None)
    assert Settings.load({"format": "ogg"}).config().quality == 3
    toml.write_text("quality = 3\nformat = 'wav'\n")
    assert Settings.load().config().quality is None
    toml.write_text("clip = 'none'\n")
    assert Settings.load({"bit_depth": "16"}).config().clip is None
    assert Settings.load({"bit_depth": "32f"}).config().clip == "none"


def test_what_to_write_is_decided_as_a_whole(toml: Path) -> None:
    toml.write_text("preset = 'karaoke'\n")
    assert Settings.load({"targets": ["drums"]}).config().preset == ()
    assert Settings.load({"niter": 0}).config().preset == ("karaoke",)
    toml.write_text("targets = 'vocals'\nonly-mixes = true\nmix = {k = 'vocals'}\n")
    config = Settings.load({"preset": ["drumless"]}).config()
    assert (config.targets, config.mix, config.only_mixes) == ((), (), None)


def test_the_command_takes_them(run: Run, tiny_model: Path, toml: Path) -> None:
    toml.write_text(f"model = '{tiny_model}'\ntargets = 'vocals'\nformat = 'flac'\noutdir = 'o'\n")
    write_float(Path("song.wav"), music(0.5))
    assert run("separate", "song.wav").code == 0
    assert soundfile.info("o/song/vocals.flac").subtype == "PCM_24"
    assert run("separate", "song.wav", "-f", "wav", "-t", "drums").code == 0
    assert soundfile.info("o/song/drums.wav").subtype == "FLOAT"


def test_an_option_that_contradicts_a_default(toml: Path) -> None:
    toml.write_text("format = 'mp3'")
    with pytest.raises(UsageError, match=r"being lossy \(format comes from [^,]*\)$"):
        Settings.load({"bit_depth": "16"}).config()


def test_an_option_can_take_back_a_default(toml: Path, run: Run, tiny_model: Path) -> None:
    toml.write_text("residual = true\noverwrite = true\n")
    write_float(Path("song.wav"), music(0.5))
    common = ["separate", "song.wav", "-m", tiny_model, "-t", "vocals", "-o", "out"]
    assert run(*common, "--no-residual").code == 0
    assert not Path("out/song/accompaniment.wav").exists()
    assert run(*common, "--no-overwrite").code == 1


def test_the_library_reads_no_settings(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("niter = 5")
    monkeypatch.setenv("UNMIX_FORMAT", "flac")
    config = SeparationConfig()
    assert (config.niter, config.format) == (None, "wav")


def test_config_show(run: Run, toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("config", "show")
    assert outcome.code == 0
    assert "(not there)" in outcome.out
    toml.write_text("quality = 3\nformat = 'mp3'\n[mix]\nk = 'drums+bass'\n")
    monkeypatch.setenv("UNMIX_OUTDIR", "stems")
    monkeypatch.setenv("UNMIX_NITTER", "stems")
    monkeypatch.setenv("COLUMNS", "300")
    outcome = run("config", "show")
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert str(toml) in lines["quality"]
    assert "UNMIX_OUTDIR" in lines["outdir"]
    assert "default" in lines["bit-depth"]
    assert "k=drums+bass" in lines["mix"]
    assert "UNMIX_NITTER is set, but it is not an option" in outcome.out
    content = json.loads(run("config", "show", "--json").out)
    settings = {setting["name"]: setting for setting in content["settings"]}
    assert set(settings) == set(SeparationConfig.model_fields)
    assert (settings["quality"]["value"], settings["quality"]["source"]) == (3, str(toml))
    assert settings["outdir"]["source"] == "UNMIX_OUTDIR"
    assert settings["tags"] == {
        "name": "tags",
        "value": True,
        "source": "default",
        "variable": "UNMIX_TAGS",
    }
    assert content["file"] == str(toml)
    assert content["ignored"] == ["UNMIX_NITTER"]
    assert run("config", "path").out == f"{toml}\n"


def test_config_show_of_a_broken_file(run: Run, toml: Path) -> None:
    toml.write_text("niter = 'x'")
    outcome = run("config", "show")
    assert outcome.code == 2
    assert f"{toml}, key niter" in outcome.error


def test_help_stays_light() -> None:
    heavy = ("torch", "numpy", "mutagen", "soundfile", "av", "httpx")
    code = f"import sys, unmixcli.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"
