"""The plan of the house: imports point one way, nothing goes in circles, torch waits."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from imports import Import, at_import, imports, modules, outside, room, tree

STOREYS = (
    ("__main__",),
    ("cli",),
    ("demo", "doctor", "evaluation", "networks", "plugin", "studio"),
    ("separation",),
    ("stems", "page"),
    ("models",),
    ("options", "signal"),
    ("audio",),
    ("files",),
    ("words",),
    ("errors",),
)
"""Every room imports from lower storeys only."""

HEIGHT = {name: -number for number, storey in enumerate(STOREYS) for name in storey}
HEAVY = {"torch", "torchaudio"}
OF_THE_SCREEN = {"typer", "rich", "click"}
FAMILIES = sorted(
    name.removesuffix(".plugin")
    for name in modules()
    if name.endswith(".plugin") and name.startswith("models.")
)
WAITING = sorted(
    {name for name in modules() if room(name) not in ("models", "signal", "demo")}
    - {"separation.separator", "separation.flow", "separation.compatible"}
)
"""Modules that are imported to list, to help and to skip: all but those that compute."""


def test_every_room_has_its_storey() -> None:
    assert {room(name) for name in modules() if name} == set(HEIGHT)


def test_imports_point_one_way() -> None:
    """Those that wait in functions too, and those for type checkers."""
    upwards = [
        str(found)
        for found in imports()
        if found.ours
        and room(found.target) != room(found.module)
        and found.module
        and found.target
        and HEIGHT[room(found.target)] >= HEIGHT[room(found.module)]
    ]
    assert not upwards


def test_only_the_command_asks_the_package_itself() -> None:
    """It has the version; all others import from the module that has a name."""
    assert {found.module for found in imports() if found.ours and not found.target} <= {"cli.app"}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return modules that import each other in turn, or nothing."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for target in sorted(graph.get(name, ())):
            if found := visit(target):
                return found
        done.add(path.pop())
        return []

    return next((found for name in graph if (found := visit(name))), [])


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
    ],
)
def test_circles_are_found(graph: dict[str, set[str]], found: list[str]) -> None:
    assert circle(graph) == found


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph: dict[str, set[str]] = {}
    for found in imports():
        if found.ours and found.target != found.module:
            graph.setdefault(found.module, set()).add(found.target)
    assert len(graph) > 100
    assert not circle(graph)


def test_only_the_command_owns_the_screen() -> None:
    """Nothing below imports what draws, prints or exits."""
    drawing = [
        str(found)
        for found in imports()
        if found.target.split(".")[0] in OF_THE_SCREEN and room(found.module) != "cli"
    ]
    assert not drawing
    printing = [
        f"{name}:{node.lineno}"
        for name in modules()
        if room(name) not in ("cli", "__main__")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "exit", "quit", "sys.exit", "os._exit")
    ]
    assert not printing


def computes(name: str) -> bool:
    """Whether a module may import torch when it is imported: families, their tools, signal."""
    parts = name.split(".")
    return (
        parts[0] == "signal"
        or name in ("models.differentiable", "models.tensors", "models.workers")
        or (parts[0] == "models" and len(parts) > 2)
    )


def test_torch_is_imported_early_only_where_it_computes() -> None:
    assert [name for name in modules() if outside(name) & HEAVY and not computes(name)] == []


@pytest.mark.parametrize("name", WAITING)
def test_torch_waits(name: str) -> None:
    """Nothing that lists, helps or skips imports torch, however far around."""
    assert [other for other in at_import(name) if outside(other) & HEAVY] == []


def test_families_are_found() -> None:
    assert {"models.openunmix", "models.demucs", "models.roformer"} <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_can_be_listed_without_torch(family: str) -> None:
    for name in (family, f"{family}.plugin"):
        assert [other for other in at_import(name) if outside(other) & HEAVY] == []


def test_a_statement_is_read_as_what_it_is() -> None:
    """The reader of imports, on one module that has all kinds of them."""
    found = {
        (i.target, i.lazy, i.typing) for i in imports() if i.module == "separation.executors.here"
    }
    assert ("separation.order", False, False) in found
    assert ("separation.separator", True, False) in found
    assert ("separation.separator", False, True) in found
    assert ("contextlib", False, False) in found
    assert all(isinstance(found, Import) for found in imports())
