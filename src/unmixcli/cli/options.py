"""Build the command's options from the fields of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from ..options.config import SeparationConfig
from . import completion
from .completion import Complete


def option(
    field: str,
    *names: str,
    panel: str,
    metavar: str | None = None,
    complete: Complete | None = None,
) -> Any:
    """Return the option for a config field, with the field's help text and default.

    The option itself has no default, so that an option that was not given can be recognised.
    """
    info = SeparationConfig.model_fields[field]
    default = info.default
    shown = f" [dim]\\[default: {default}][/dim]" if _worth_showing(default) else ""
    return typer.Option(
        *names,
        help=f"{info.description}{shown}",
        show_default=False,
        rich_help_panel=panel,
        metavar=metavar,
        autocompletion=complete or completion.of_field(field),
    )


def _worth_showing(default: Any) -> bool:
    return default not in (None, (), {}, "", -1) and default is not False


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the config options that were given out of all parameters of a command."""
    return {
        name: value
        for name, value in parameters.items()
        if name in SeparationConfig.model_fields and value not in (None, [], ())
    }
