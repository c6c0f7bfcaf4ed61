"""Read YAML as data only: strings, numbers, lists and tables, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ...errors import ModelError

MAX_BYTES = 1 << 20
"""Size limit; descriptions of models have a few kilobytes."""
MAX_NODES = 50_000
MAX_DEPTH = 32
MAX_ALIASES = 200

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader, with fewer tags and with bounds.

    A list tagged ``!!python/tuple``, as written by training scripts, becomes a list.
    """

    yaml_constructors = {  # noqa: RUF012  # PyYAML's name for it
        f"{_TAG}{kind}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{kind}"]
        for kind in ("null", "bool", "int", "float", "str", "seq", "map")
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        self._depth += 1
        self._aliases += self.check_event(yaml.AliasEvent)
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES or self._aliases > MAX_ALIASES:
            raise yaml.YAMLError("it is nested too deeply, or has too many values")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Ignore ``<<``: merged tables can grow without bound, and no description needs them."""

    def refuse(self, node: yaml.Node) -> Any:
        tag = str(node.tag).replace(_TAG, "!!")
        raise yaml.YAMLError(
            f"line {node.start_mark.line + 1} asks for {tag}, which the description of a model "
            "never needs; only plain values are read"
        )


_Loader.add_constructor(f"{_TAG}python/tuple", yaml.SafeLoader.construct_yaml_seq)
_Loader.add_constructor(f"{_TAG}timestamp", yaml.SafeLoader.construct_yaml_str)
_Loader.add_constructor(f"{_TAG}merge", yaml.SafeLoader.construct_yaml_str)
_Loader.add_constructor(None, _Loader.refuse)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one table.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        Plain values by name.

    Raises
    ------
    ModelError
        If it cannot be read, is not YAML, is not a table, is too large or too
        deep, or asks for anything but plain values, such as a Python object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ModelError(f"{path} is not the description of a model: it is larger than a megabyte")
    try:
        loader = _Loader(data.decode("utf-8"))
        try:
            content = loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} cannot be read as YAML: {reason}") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not the description of a model: it is not a table of sections")
    return content
