"""The documentation builds, its commands run, and the messages that it quotes exist."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile
import typer
from typer.testing import CliRunner

from sounds import music
from unmixcli.cli.app import app
from unmixcli.models.known import KnownModel
from unmixcli.models.registry import Registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md"])
RUN = ("tour.md", "listening.md", "evaluation.md", "troubleshooting.md")
"""Pages whose commands are run, one after the other, in a folder with a few recordings."""


def console(text: str) -> list[str]:
    """Return the commands of a page."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    return [
        line.removeprefix("$ ").split(" #")[0].strip()
        for block in blocks
        for line in block.splitlines()
        if line.startswith("$ unmix ")
    ]


COMMANDS = [(page.name, command) for page in PAGES for command in console(page.read_text("utf-8"))]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_is_one_that_there_is(page, command):
    """It is taken apart as it would be, without being run."""
    group = typer.main.get_command(app)
    name, *rest = shlex.split(command)[1:]
    while name in getattr(group, "commands", {}):
        group = group.commands[name]
        if not hasattr(group, "commands"):
            break
        name, *rest = rest
    group.make_context(name, list(rest))


@pytest.fixture
def workplace(tmp_path, monkeypatch, tiny_model) -> Path:
    """A folder as the pages take for granted, and small networks in place of large ones."""
    folder = tmp_path / "work"
    (folder / "album").mkdir(parents=True)
    monkeypatch.chdir(folder)
    audio = music(1.5, channels=1)
    soundfile.write("song.flac", audio, 44100)
    soundfile.write("album/one.wav", audio[:44100], 44100)
    for track in ("song_true", "true_stems/song"):
        (folder / track).mkdir(parents=True)
        for name in ("vocals", "drums", "bass", "other"):
            soundfile.write(f"{track}/{name}.wav", audio, 44100)
    real = Registry.resolve

    def resolve(self: Registry, model: str) -> KnownModel:
        known = real(self, model)
        if not known.card.weights or known.card.plugin != "openunmix":
            return known
        small = real(self, str(tiny_model))
        return KnownModel(small.card.model_copy(update={"name": known.card.name}), small.plugin)

    monkeypatch.setattr(Registry, "resolve", resolve)
    return folder


@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_runs(page, workplace):
    if page == "evaluation.md":
        if find_spec("matplotlib") is None:
            pytest.skip("needs matplotlib: pip install '.[evaluate]'")
        made = CliRunner().invoke(app, ["separate", "song.flac", "--outdir", "stems"])
        assert made.exit_code == 0, made.stderr
    for command in console((DOCS / page).read_text("utf-8")):
        if "musdb18hq" in command:  # a data set that is not here
            continue
        shorter = command.replace("--start 60 --duration 30", "--start 0.5 --duration 0.5")
        result = CliRunner().invoke(app, shlex.split(shorter)[1:])
        error = result.exception
        assert result.exit_code == 0, f"{command}: {error or ''} {result.stderr}"


@pytest.mark.parametrize("page", ["tour.md", "api.md", "examples.md"])
def test_the_python_of_a_page_runs(page, workplace, capsys):
    for code in re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S):
        exec(compile(code, page, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def messages() -> list[str]:
    """Return every text in the source, with … for what is filled in."""
    found = []
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
                found.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    # What a browser says is said in its language.
    scripts = sorted((ROOT / "src/unmixcli/page/script").glob("*.js"))
    return [*found, *(script.read_text("utf-8") for script in scripts)]


QUOTED = re.findall(r"^### (.+)$", (DOCS / "troubleshooting.md").read_text("utf-8"), re.M)
THEIRS = ("CUDA out of memory", "It is slow")
"""Not our words."""


@pytest.mark.parametrize("quoted", [q for q in QUOTED if q not in THEIRS])
def test_troubleshooting_quotes_messages_that_there_are(quoted):
    texts = messages()
    pieces = [piece.strip(" ,;:?'") for piece in re.split("…|`", quoted)]
    for piece in pieces:
        assert not piece or any(piece in " ".join(text.split()) for text in texts), piece


def test_the_site_builds(tmp_path):
    pytest.importorskip("mkdocs", reason="needs pip install '.[docs]'")
    pytest.importorskip("mkdocstrings", reason="needs pip install '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "commands" / "index.html").read_text("utf-8")
    for words in ("unmix separate", "--wiener-win-len", "unmix models fetch", "--si-sdr-only"):
        assert words in reference
    api = (tmp_path / "api" / "index.html").read_text("utf-8")
    for words in ("separate_file", "wiener_win_len", "si_sdr", "exit_code"):
        assert words in api
    plugins = (tmp_path / "plugins" / "index.html").read_text("utf-8")
    assert "/tree/main/docs/examples/unmix-hpss" in plugins  # in the repository, not on the site
    copying = (tmp_path / "stylesheets" / "copy.css").read_text("utf-8")
    assert "copy.css" in plugins and ".gp" in copying
    assert not (tmp_path / "_hooks.py").exists()
