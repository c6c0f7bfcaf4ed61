"""No option is forgotten: each has its flag, its panel, its effect on the record and the page."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from pydantic import BaseModel, ValidationError

from unmixcli.cli import separate
from unmixcli.cli.app import app
from unmixcli.models.openunmix.options import Options
from unmixcli.models.registry import Registry
from unmixcli.options.config import (
    CHANGES_FILES,
    CHANGES_MODEL,
    CHANGES_NOTHING,
    CHANGES_SOUND,
    SHORTHANDS,
    SeparationConfig,
)
from unmixcli.separation.order import Order

FIELDS = tuple(SeparationConfig.model_fields)
SETS = (CHANGES_SOUND, CHANGES_FILES, CHANGES_NOTHING, CHANGES_MODEL)
PANELS = {separate.WHAT, separate.HOW, separate.OUT, separate.FORM, separate.RUN, separate.MANY}
OF_MANY = {"report", "order", "shard", "workers", "cluster"}
OF_THE_COMMAND = {"inputs", "quiet", "verbose", "as_json", *OF_MANY}
"""What only the command has; nothing of it concerns the stems."""


@pytest.fixture(scope="module")
def flags() -> dict[str, click.Parameter]:
    """The options of `unmix separate`, by the names of its parameters."""
    group: Any = typer.main.get_command(app)
    return {parameter.name: parameter for parameter in group.commands["separate"].params}


# Effects


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_one_effect(field: str) -> None:
    assert sum(field in fields for fields in SETS) == 1


def test_every_effect_is_of_a_field() -> None:
    named = Counter(name for fields in SETS for name in fields)
    assert set(named) == set(FIELDS) and set(named.values()) == {1}


EXAMPLES: dict[str, dict[str, Any]] = {
    # What changes the sound, beside what it needs to be valid.
    "targets": {"targets": "vocals"},
    "residual": {"residual": True},
    "start": {"start": 1},
    "duration": {"duration": 2},
    "mix": {"mix": "k=vocals+drums"},
    "preset": {"preset": "karaoke"},
    "only_mixes": {"only_mixes": True, "mix": "k=vocals+drums"},
    "sample_rate": {"sample_rate": "model"},
    "precision": {"precision": "bfloat16"},
    "sum": {"sum": "exact"},
    # What changes the files.
    "format": {"format": "flac"},
    "bit_depth": {"bit_depth": "16"},
    "quality": {"quality": 3, "format": "mp3"},
    "clip": {"clip": "clamp"},
    "loudness": {"loudness": -14},
    "tags": {"tags": False},
    # What changes the model's own options.
    "niter": {"niter": 2},
    "softmask": {"softmask": True},
    "alpha": {"alpha": 2},
    "wiener_win_len": {"wiener_win_len": 0},
    "options": {"options": {"niter": "2"}},
    # What changes nothing.
    "device": {"device": "cpu"},
    "temp_dir": {"temp_dir": "/tmp"},
    "offline": {"offline": True},
    "outdir": {"outdir": "out"},
    "filename": {"filename": "{track} {target}.{ext}"},
    "page": {"page": True},
    "overwrite": {"overwrite": True},
    "skip_existing": {"skip_existing": True},
    "compare_content": {"compare_content": True},
}


def test_every_field_has_an_example() -> None:
    """But those that choose the model, which is in the record by its name and weights."""
    assert set(EXAMPLES) == set(FIELDS) - {"model", "goal", "effort"}


def order(model: Path, example: dict[str, Any]) -> Order:
    return Order.of(SeparationConfig.parse(model=str(model), **example), Registry())


@pytest.mark.parametrize("field", EXAMPLES)
def test_the_record_and_the_page_follow_from_the_effect(tiny_model: Path, field: str) -> None:
    example = EXAMPLES[field]
    assert getattr(SeparationConfig.parse(**example), field) != getattr(SeparationConfig(), field)
    without = {name: value for name, value in example.items() if name != field}
    plain, changed = order(tiny_model, without), order(tiny_model, example)
    if field in CHANGES_NOTHING:
        assert (changed.recipe, changed.settings) == (plain.recipe, plain.settings)
        return
    before, after = plain.recipe, changed.recipe
    if field in CHANGES_MODEL:
        name = "niter" if field == "options" else field
        assert before.model_options[name] != after.model_options[name]
    else:
        assert before.options[field] != after.options[field]
    # The targets are the stems on the page, and the tags stand at its top.
    assert (changed.settings != plain.settings) == (field not in ("targets", "tags"))


# Flags


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_its_flag_and_its_panel(
    flags: dict[str, click.Parameter], field: str
) -> None:
    flag: Any = flags[field]
    assert flag.rich_help_panel in PANELS
    assert flag.help.startswith(SeparationConfig.model_fields[field].description)
    assert flag.default is None  # so that it is known whether it was given
    assert any(name.startswith("--") for name in flag.opts)


def test_no_flag_is_without_a_field(flags: dict[str, click.Parameter]) -> None:
    assert set(flags) == {*FIELDS, *OF_THE_COMMAND}


@pytest.mark.parametrize("field", sorted({*CHANGES_SOUND, *CHANGES_FILES, *SHORTHANDS}))
def test_what_the_page_shows_can_be_typed(flags: dict[str, click.Parameter], field: str) -> None:
    """The page writes the names of fields as flags."""
    assert f"--{field.replace('_', '-')}" in flags[field].opts


def test_every_panel_is_used(flags: dict[str, click.Parameter]) -> None:
    assert {getattr(flag, "rich_help_panel", None) for flag in flags.values()} - {None} == PANELS


# Shorthands for options of models

VALUES = (-1, -0.5, 0, 0.5, 1, 3, 1e9, math.nan, math.inf, -math.inf, True, "1", "x", [], "yes")


def accepts(model: type[BaseModel], name: str, value: Any) -> bool:
    try:
        model(**{name: value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", SHORTHANDS)
def test_a_shorthand_has_the_limits_of_the_option(name: str) -> None:
    assert name in Options.model_fields
    assert SeparationConfig.model_fields[name].default is None
    limits = [
        [repr(value) for value in VALUES if accepts(model, name, value)]
        for model in (SeparationConfig, Options)
    ]
    assert limits[0] == limits[1]
    assert 0 < len(limits[0]) < len(VALUES)
    given: Any = SeparationConfig.model_json_schema()["properties"][name]["anyOf"]
    own = Options.model_json_schema()["properties"][name]
    described = {key: own[key] for key in own if key not in ("title", "default", "description")}
    assert given == [described, {"type": "null"}]


@pytest.mark.parametrize("name", SHORTHANDS)
def test_the_help_says_that_a_shorthand_is_not_for_every_model(name: str) -> None:
    assert "Open-Unmix only" in str(SeparationConfig.model_fields[name].description)
    default = Options.model_fields[name].default
    if default is not False:
        assert str(default).removesuffix(".0") in str(
            SeparationConfig.model_fields[name].description
        )
