"""Run the command line with errors in one sentence, and help without hard line breaks.

Wraps typer, whose own errors are panels and whose help keeps the line breaks of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..words import nearest, plain
from .habits import hint_for


def tidy(command: Any) -> Any:
    """Reflow the help of a command and its subcommands, and hide the types of switches.

    Parameters
    ----------
    command : click.Command
        As typer makes it; changed in place.

    Returns
    -------
    click.Command
        The same one.
    """
    command.help = reflow(command.help or "")
    names = {"help_option_names": ["-h", "--help"]}
    own = command.get_help_option(command.context_class(command, **names))
    for parameter in [*command.params, *([own] if own else [])]:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None
        elif getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        elif parameter.metavar is None:
            parameter.metavar = parameter.name.upper().replace("_", "-")
    for inner in getattr(command, "commands", {}).values():
        tidy(inner)
    return command


def reflow(text: str) -> str:
    """Join the lines of each paragraph, except examples, which are dim."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        example = lines and lines[0].startswith("[dim]")
        paragraphs.append(("\n" if example else " ").join(lines))
    return "\n\n".join(paragraphs)


def run(command: Any, words: Sequence[str]) -> int:
    """Run a command and return its exit code.

    Raises
    ------
    UsageError
        If the command line cannot be understood.
    """
    try:
        result = command.main(args=list(words), prog_name="unmix", standalone_mode=False)
    except Exception as error:
        # typer brings its own copy of click, so its errors are known by what they have.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            return 2
        raise UsageError(_sentence(error, words)) from None
    return result if isinstance(result, int) else 0


def _sentence(error: Any, words: Sequence[str]) -> str:
    context = error.ctx
    path = context.command_path if context else "unmix"
    more = f"see `{path} --help`"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        option = str(error.option_name)
        if hint := hint_for(option, words):
            return f"there is no option {option} here: {hint}"
        close = nearest(option, error.possibilities or _options(context))
        return f"there is no option {option}{close or f'; {more}'}"
    if kind == "MissingParameter":
        name = error.param and (error.param.metavar or error.param.name.upper()).strip("[].")
        return f"{name or 'a value'} is missing; {more}"
    text = plain(error.message).rstrip(".")
    if text.startswith("No such command"):
        return _no_such_command(text.split("'")[1] if "'" in text else "", context, more)
    text = f"{text[:1].lower()}{text[1:]}"
    if getattr(error, "param", None) is not None:
        text = f"{max(error.param.opts, key=len)}: {text}"
    return f"{text}; {more}"


def _options(context: Any) -> list[str]:
    if context is None:
        return []
    return [name for p in context.command.params for name in (*p.opts, *p.secondary_opts)]


def _no_such_command(name: str, context: Any, more: str) -> str:
    if Path(name).suffix or Path(name).exists():
        return f"{name} is not a command: write `unmix separate {name}` to take it apart"
    known: Iterable[str] = getattr(context.command, "commands", {}) if context else ()
    return f"{name} is not a command{nearest(name, known) or f'; {more}'}"
