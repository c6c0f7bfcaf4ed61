"""What is published: its version, its notices, the source archive and the recipes."""

from __future__ import annotations

import os
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
TAG = os.environ.get("UNMIX_RELEASE", "")
"""The tag that is being released, such as v0.1.0."""

CONDA = {"torch": "pytorch", "soundfile": "pysoundfile", "soxr": "soxr-python"}


def test_the_citation_has_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == VERSION
    assert all(paper["title"] and paper["authors"] for paper in citation["references"])
    recipe = yaml.safe_load((ROOT / "packaging/conda/recipe.yaml").read_text("utf-8"))
    assert recipe["context"]["version"] == VERSION


@pytest.mark.skipif(not TAG, reason="only when a tag is released")
def test_the_tag_and_the_changelog_have_the_version() -> None:
    assert f"v{VERSION}" == TAG
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    heading = rf"^## \[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d\n(.+?)(?=^## |\Z)"
    section = re.search(heading, changelog, re.M | re.S)
    assert section and section[1].strip().startswith("###")


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    recipe = yaml.safe_load((ROOT / "packaging/conda/recipe.yaml").read_text("utf-8"))
    wanted = {f"python {PROJECT['requires-python']}"}
    for requirement in PROJECT["dependencies"]:
        name, bounds = re.fullmatch(r"([A-Za-z0-9-]+)(.*)", requirement).groups()
        wanted.add(f"{CONDA.get(name, name)} {bounds}")
    assert set(recipe["requirements"]["run"]) == wanted


def test_the_readme_works_on_the_package_index() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    for link in links:
        repository = re.match(
            r"https://(?:raw\.githubusercontent\.com/unmixcli/unmixcli/main"
            r"|github\.com/unmixcli/unmixcli/blob/main)/(.+)",
            link,
        )
        assert repository and (ROOT / repository[1]).is_file(), link


def test_the_wheel_has_its_notices_and_no_tests(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    info = f"unmixcli-{VERSION}.dist-info"
    for name in (f"{info}/licenses/THIRD-PARTY.md", f"{info}/licenses/LICENSE"):
        assert name in names
    for name in ("py.typed", "models.toml", "demo/mixture.ogg", "weights/umx-synth.safetensors"):
        assert f"unmixcli/{name}" in names
    assert all(name.startswith(("unmixcli/", info)) for name in names)


def test_the_sdist_has_what_its_tests_need(tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder

    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    tracked = [
        path
        for folder in ("src", "tests", "training", "fuzz", "docs", "packaging")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]
    missing = [name for path in tracked if (name := str(path.relative_to(ROOT))) not in names]
    assert not missing
    for name in ("mkdocs.yml", "models.toml", "README.md", "LICENSE", "THIRD-PARTY.md"):
        assert name in names


def test_the_notices_credit_every_source_of_the_sounds() -> None:
    """Those that ask for it by their licence, at least."""
    notices = (ROOT / "THIRD-PARTY.md").read_text("utf-8")
    for row in (ROOT / "docs/training.md").read_text("utf-8").splitlines():
        if "credited here" in row:
            name = re.search(r"\(([^)]*?)(?: project|\))", row)[1]
            assert name in notices, row
