"""What whole runs separate with: the model in the box, every family, an ensemble and a chain."""

from __future__ import annotations

import json
from pathlib import Path

from . import seeds
from .checkpoints import write_state

IN_THE_BOX = ("-m", "umx-synth", "--niter", "0")

COMBINED = {
    "ensemble": ("demucs", "[small-ensemble]\nmembers = ['small-demucs', 'umx-synth']\n"),
    "chain": (
        "mdx23c",
        "[small-chain]\n[[small-chain.stages]]\nmodel = 'umx-synth'\nkeep = ['vocals']\n"
        "[[small-chain.stages]]\nmodel = 'small-mdx23c'\ninput = 'drums'\n",
    ),
}
"""Combinations, each with the family that it needs."""


def write(home: Path) -> list[tuple[str, ...]]:
    """Write the catalogue of small random networks, and return options for each model.

    Parameters
    ----------
    home : Path
        The folder that ``UNMIX_HOME`` names.
    """
    home.mkdir(exist_ok=True)
    families = seeds.families()
    tables = []
    for name, family in families.items():
        path = home / f"{name}{family.suffixes[-1]}"
        write_state(family.state, path, False, family.metadata, family.package)
        card = family.card(path)
        table = card.model_dump(include={"targets", "sample_rate", "channels", "parameters"})
        table |= {"plugin": family.plugin, "licence": "MIT"}
        lines = [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
        (weights,) = card.weights
        file = {"file": weights.file, "path": str(path), "targets": weights.targets}
        lines.append(f"weights = [{_toml({k: v for k, v in file.items() if v is not None})}]")
        tables.append("\n".join((f"[small-{name}]", *lines)))
    combined = {name: table for name, (needs, table) in COMBINED.items() if needs in families}
    (home / "models.toml").write_text("\n\n".join((*tables, *combined.values())), encoding="utf-8")
    return [IN_THE_BOX, *(("-m", f"small-{name}") for name in (*families, *combined))]


def _toml(value: object) -> str:
    """Write a value as TOML, of which JSON's strings, numbers and lists are a part."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(own)}' for key, own in value.items())} }}"
    return json.dumps(value)
