"""Runs over many recordings: what they report, and a folder to run over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from running import Outcome, Run
from sounds import music, write_float
from unmixcli.separation.inputs import Found

STEMS = ("vocals", "drums")


@pytest.fixture(name="album")
def make_album(run: Run) -> list[str]:
    """Four recordings in a folder, two of them in sub-folders."""
    names = ["album/1.wav", "album/2.wav", "album/cd1/1.wav", "album/cd2/1.wav"]
    for k, name in enumerate(names):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        write_float(Path(name), music(0.5, seed=k))
    return names


@pytest.fixture(name="batch")
def run_batch(run: Run, tiny_model: Path) -> Run:
    """Run `unmix separate` on the album, giving its records."""

    def batch(*arguments: object) -> Outcome:
        common = ["-m", tiny_model, "-t", ",".join(STEMS), "-o", "out", "--json"]
        return run("separate", *(arguments or ["album"]), *common)

    return batch


def records(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def statuses(outcome: Outcome) -> list[str]:
    return [record["status"] for record in records(outcome)]


def names(found: list[Any]) -> list[str]:
    return [str(each.path) if isinstance(each, Found) else f"! {each}" for each in found]
