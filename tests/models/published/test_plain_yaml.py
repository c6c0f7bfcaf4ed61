"""YAML that is data, and YAML that would like to be more."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmixcli.errors import ModelError
from unmixcli.models.published.plain_yaml import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, read_yaml


def write(folder: Path, text: str) -> Path:
    path = folder / "model.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_yaml(path)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_plain_values(tmp_path: Path) -> None:
    text = "a: 1\nb: [1.5, x, null, true]\nc: {d: e}\nday: 2025-01-31\n<<: merged\n"
    assert read_yaml(write(tmp_path, text)) == {
        "a": 1,
        "b": [1.5, "x", None, True],
        "c": {"d": "e"},
        "day": "2025-01-31",
        "<<": "merged",
    }


def test_tuples_are_lists(tmp_path: Path) -> None:
    text = "bands: !!python/tuple\n- 2\n- !!python/tuple [3, 4]\nother: !!python/tuple []\n"
    assert read_yaml(write(tmp_path, text)) == {"bands": [2, [3, 4]], "other": []}


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:pathlib.Path.touch ["harm"]',
        '!!python/object/new:os.system ["touch harm"]',
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object:builtins.dict {}",
        "!mine 3",
        "!!set {a, b}",
        "!!binary aGFybQ==",
    ],
)
def test_other_tags_are_refused(tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(write(tmp_path, f"audio:\n  chunk: {tag}\n"))
    assert "line 2 asks for !" in said
    assert "only plain values are read" in said
    assert not Path("harm").exists()


def test_no_yaml(tmp_path: Path) -> None:
    assert "cannot be read as YAML" in refusal(write(tmp_path, "a: [1, 2"))
    assert "cannot be read as YAML" in refusal(write(tmp_path, "a: 1\n--- \nb: 2\n"))
    assert "cannot be read as YAML" in refusal(write(tmp_path, f"a: {'9' * 5000}\n"))
    assert "is not a table of sections" in refusal(write(tmp_path, "- 1\n- 2\n"))
    assert "is not a table of sections" in refusal(write(tmp_path, ""))
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"a: \xff\xfe")
    assert "cannot be read as YAML" in refusal(path)
    assert "cannot read" in refusal(tmp_path / "missing.yaml")


def test_bounds(tmp_path: Path) -> None:
    deep = MAX_DEPTH - 2
    assert read_yaml(write(tmp_path, f"a: {'[' * deep}{']' * deep}"))
    deep = 3000
    assert "nested too deeply" in refusal(write(tmp_path, f"a: {'[' * deep}{']' * deep}"))
    assert "larger than a megabyte" in refusal(write(tmp_path, "a: 1 #" + "x" * MAX_BYTES))
    assert "too many values" in refusal(write(tmp_path, "a: [" + "1," * 60_000 + "1]"))
    aliases = ", ".join(["*x"] * (MAX_ALIASES + 1))
    assert "too many values" in refusal(write(tmp_path, f"x: &x [1]\ny: [{aliases}]"))
    assert read_yaml(write(tmp_path, "x: &x [1]\ny: [*x, *x]"))["y"] == [[1], [1]]
