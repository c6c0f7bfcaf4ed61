"""Options of the command made from the fields of the config."""

from __future__ import annotations

from typing import Any

import typer

from ..config import SeparationConfig


def option(field: str, *names: str, panel: str, metavar: str | None = None) -> Any:
    """Make the option of a config field, with the field's help text and default.

    The option itself defaults to nothing, so that it is known whether it was given.
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
    )


def _worth_showing(default: Any) -> bool:
    return default not in (None, (), {}, False, "") or (default == 0.0 and default is not False)


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def parse_pairs(pairs: list[str] | None) -> dict[str, str] | None:
    """Turn ``KEY=VALUE`` arguments into a mapping.

    Raises
    ------
    typer.BadParameter
        If one has no ``=``.
    """
    if not pairs:
        return None
    result = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form KEY=VALUE")
        result[key.strip()] = value.strip()
    return result
