"""The command line itself: mistakes in one sentence, hints for old habits, help, completion."""

from __future__ import annotations

import os
import subprocess

import pytest
import typer

from running import COMMAND, Run, environment
from unmixcli.cli import completion
from unmixcli.cli.app import app
from unmixcli.cli.command import reflow, tidy
from unmixcli.cli.habits import hint_for


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("separate x --two-stems vocals", "--targets vocals --residual writes that stem"),
        ("separate -n htdemucs x", "--model htdemucs chooses the model"),
        ("separate x --shifts=3", "--option shifts=3 averages"),
        ("separate x --mp3", "--format mp3"),
        ("separate x --mp3-bitrate 320", "--quality 320k"),
        ("separate x --modle a", "there is no option --modle; did you mean --model?"),
        ("separate x --zzz", "there is no option --zzz; see `unmix separate --help`"),
        ("separate", "INPUT is missing; see `unmix separate --help`"),
        ("separate x --niter many", "--niter: "),
        ("separate x --niter", "'--niter' requires an argument"),
        ("song.mp3", "write `unmix separate song.mp3`"),
        ("modles", "modles is not a command; did you mean models?"),
        ("models info", "NAME is missing; see `unmix models info --help`"),
        ("models verfy", "did you mean verify?"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: str, words: str) -> None:
    result = run(*arguments.split())
    assert result.code == 2 and not result.out
    assert words in result.error and len(result.err.splitlines()) == 1


def test_without_a_command_there_is_help(run: Run) -> None:
    for arguments in ([], ["models"]):
        result = run(*arguments)
        assert result.code == 2 and "Usage:" in result.out + result.err


def test_version(run: Run) -> None:
    assert run("-V").out == run("--version").out and run("-V").out.startswith("unmix ")


def test_an_address_is_no_recording(run: Run) -> None:
    result = run("separate", "https://a.b/c.mp3", "-m", "umx-synth")
    assert result.code == 1
    assert "error: https://a.b/c.mp3 is an address: download it first" in result.err


def test_help_has_no_types_of_switches_and_no_hard_breaks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run("separate", "--help").out
    for type_ in ("<bool>", "<str>", "<float>", "<path>", "<list"):
        assert type_ not in text
    flowing = "as 32-bit float with the recording's own rate, channels and length. `unmix config"
    assert flowing in " ".join(text.split())
    monkeypatch.setenv("COLUMNS", "250")
    assert flowing in run("separate", "--help").out
    assert run("models", "check-links", "--help").code == 0


def test_reflow() -> None:
    assert reflow("A\nb.\n\n[dim]c[/dim]\n[dim]d[/dim]") == "A b.\n\n[dim]c[/dim]\n[dim]d[/dim]"


def test_every_command_can_be_tidied() -> None:
    command = tidy(typer.main.get_command(app))
    for name in ("separate", "evaluate", "demo", "doctor"):
        for option in command.commands[name].params:
            assert option.param_type_name == "argument" or option.metavar is not None


@pytest.mark.parametrize(
    ("option", "words", "hint"),
    [
        ("--two-stems", ["--two-stems=drums"], "--targets drums"),
        ("--two-stems", ["--two-stems"], "--targets VALUE"),
        ("-n", ["-n", "--mp3"], "--model VALUE"),
        ("--bitrate", ["--bitrate", "320k"], "--quality 320k sets"),
        ("--unheard-of", ["--unheard-of"], ""),
    ],
)
def test_hints(option: str, words: list[str], hint: str) -> None:
    found = hint_for(option, words)
    assert hint in found if hint else found == ""


def complete(line: str) -> list[str]:
    """Ask as bash does."""
    words = line.split(" ")
    asked = {
        "_UNMIX_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    program = "import sys; sys.argv = ['unmix']; from unmixcli.cli.app import main; main()"
    done = subprocess.run(
        [COMMAND[0], "-c", program],
        env=environment() | asked | {"UNMIX_HOME": os.environ["UNMIX_HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout.split()


def test_the_shell_completes() -> None:
    assert complete("unmix separate --model umx-s") == ["umx-synth"]
    assert complete("unmix separate --format o") == ["ogg", "opus"]
    assert complete("unmix separate --model umxse --targets s") == ["speech"]


def test_values_that_are_completed() -> None:
    assert completion.choices("clip") == ("none", "clamp", "rescale")
    assert completion.of_field("niter") is None
    preset = completion.of_field("preset")
    assert preset is not None and preset("karaoke,d") == ["karaoke,drumless"]
    assert completion.devices("c") == ["cpu", "cuda"]
    assert "umxhq" in completion.models("umx")
