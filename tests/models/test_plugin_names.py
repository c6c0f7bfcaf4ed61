"""What a plugin may import: all that the pages name, at no cost, and enough for a network."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unmixcli
from running import environment
from streams import ArrayMixture, noise, separated
from unmixcli import networks, plugin
from unmixcli.errors import ModelError
from unmixcli.models.cards import ModelCard
from unmixcli.models.interface import Request

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", *(DOCS / "examples").rglob("*.py")])
SOURCE = Path(unmixcli.__file__).parent


def test_every_name_is_there() -> None:
    assert sorted(plugin.__all__) == sorted(set(plugin.__all__))
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
    with pytest.raises(AttributeError, match="'Nonsense'"):
        plugin.Nonsense  # noqa: B018


def test_the_annotations_agree_with_what_is_imported_when_used() -> None:
    """Names that need torch stand twice: for type checkers, and where to find them."""
    tree = ast.parse(Path(plugin.__file__).read_text(encoding="utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    annotated = {
        alias.name: str(node.module).removeprefix("models.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert annotated == plugin._NEED_TORCH
    assert set(annotated) < set(plugin.__all__)


def test_torch_is_imported_when_a_name_needs_it() -> None:
    code = (
        "import sys, unmixcli.plugin as plugin\n"
        "light = set(plugin.__all__) - set(plugin._NEED_TORCH)\n"
        "assert all(getattr(plugin, name) for name in light)\n"
        "assert not {'torch', 'torchaudio', 'typer', 'rich'} & set(sys.modules)\n"
        "plugin.SegmentedModel\n"
        "assert 'torch' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def internals(text: str) -> set[str]:
    """Return the modules of the package that a text names, but for those that anyone may."""
    # The directives of docs/api.md draw on modules; the page shows the names.
    text = re.sub(r"^::: .*$", "", text, flags=re.M)
    named = set(re.findall(r"(?<![\w/.])unmixcli((?:\.\w+)+)", text))
    named |= {f".{name}" for name in re.findall(r"from unmixcli import ([\w, ]+)", text)}
    named |= {
        "." + path.removesuffix(".py").replace("/", ".")
        for path in re.findall(r"src/unmixcli/([\w/]+\.py)", text)
    }
    public = {f".{name}" for name in unmixcli.__all__}
    allowed = {*public, ".plugin", *(f".plugin.{name}" for name in plugin.__all__)}
    allowed |= {".networks", *(f".networks.{name}" for name in networks.__all__)}
    # The group of entry points is called as one of the rooms is.
    return {name for name in named if name != ".models"} - allowed


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_and_no_example_names_an_internal_module(page: Path) -> None:
    assert internals(page.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("from unmixcli.plugin import Block", set()),
        ("separator = unmixcli.Separator()", set()),
        ("::: unmixcli.models.interface\n", set()),
        ("group `unmixcli.models`", set()),
        ("~/.config/unmixcli/config.toml", set()),
        ("import unmixcli.models.cards as cards", {".models.cards"}),
        ("raise `unmixcli.errors.ModelError`", {".errors.ModelError"}),
        ("from unmixcli import signal", {".signal"}),
        ("[base](../src/unmixcli/models/base.py)", {".models.base"}),
    ],
)
def test_what_counts_as_naming_one(text: str, named: set[str]) -> None:
    assert internals(text) == named


def test_the_group_of_entry_points_is_told_apart() -> None:
    """It is no way around the test above: nothing can be imported from the room itself."""
    assert not [name for name in vars(import_module("unmixcli.models")) if name[0].isupper()]


@pytest.fixture
def page() -> dict[str, Any]:
    """The code of docs/plugins.md on networks that read segments, with a network."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self, stems: int) -> None:
            super().__init__()
            self.gains = torch.nn.Parameter(torch.zeros(stems))

        def forward(self, segments: torch.Tensor) -> torch.Tensor:
            return segments[:, None] * self.gains.view(1, -1, 1, 1)

    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    section = text.partition("## Networks that read segments")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    names: dict[str, Any] = {"Network": Network}
    exec(code, names)
    return names


CARD = ModelCard(name="t", plugin="t", targets=["piano", "organ"], sample_rate=8000, channels=2)


def test_the_page_on_segments_works_as_it_stands(page: dict[str, Any], tmp_path: Path) -> None:
    import torch

    path = tmp_path / "toccata.pth"
    torch.save({"gains": torch.tensor([0.25, 0.75])}, path)
    model = page["load"](None, CARD, {"toccata.pth": path}, ["organ", "piano"], "cpu")
    mixture = ArrayMixture(noise(200_000), 7000, 8000)
    stems = separated(model, mixture, Request(page["Options"](overlap=0.5)))
    assert model.targets == ("organ", "piano")
    expected = np.stack([0.75 * mixture.samples, 0.25 * mixture.samples])
    # All that is not a gain of the mixture is its mean, which is taken off for the network.
    mean = mixture.samples.mean(dtype=np.float64)
    expected += np.array([0.25, 0.75]).reshape(2, 1, 1) * mean
    np.testing.assert_allclose(stems, expected, atol=1e-6)


def test_the_page_on_segments_refuses_what_is_no_network(
    page: dict[str, Any], tmp_path: Path
) -> None:
    import torch

    path = tmp_path / "toccata.pth"
    torch.save({"gains": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"toccata\.pth is not a network of this kind"):
        page["load"](None, CARD, {"toccata.pth": path}, ["organ"], "cpu")


def test_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
