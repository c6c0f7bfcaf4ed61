"""What imports what in the package, read from its source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import unmixcli

SOURCE = Path(unmixcli.__file__).parent


@dataclass(frozen=True)
class Import:
    """An import statement for one name.

    Attributes
    ----------
    module : str
        Where it stands, without the package: ``models.cards``.
    target : str
        The module that it imports: of the package without its name, of others in full.
    ours : bool
    lazy : bool
        Whether it stands in a function, and so waits until that is called.
    typing : bool
        Whether it is for type checkers only.
    line : int
    """

    module: str
    target: str
    ours: bool
    lazy: bool
    typing: bool
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, Path]:
    """Return every module by its name without the package; the package itself is ``""``."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for module in modules() for found in _of(module))


@cache
def _of(module: str) -> tuple[Import, ...]:
    return tuple(
        Import(module, target, ours, lazy, typing, node.lineno)
        for node, lazy, typing in _statements(tree(module), False, False)
        for target, ours in _targets(module, node)
    )


def _statements(
    node: ast.AST, lazy: bool, typing: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, lazy, typing
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _statements(child, lazy, True)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _statements(child, lazy or function, typing)


def _targets(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            first, _, rest = alias.name.partition(".")
            yield (rest, True) if first == "unmixcli" else (alias.name, False)
        return
    if not node.level:
        yield str(node.module), False
        return
    package = modules()[module].name == "__init__.py"
    parts = module.split(".") if module else []
    parts = parts[: len(parts) - node.level + package]
    base = ".".join([*parts, *([node.module] if node.module else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}".lstrip(".")
        yield full if full in modules() else base, True


def room(module: str) -> str:
    """Return the folder or file at the top of the package that a module is in."""
    return module.split(".", maxsplit=1)[0]


@cache
def at_import(module: str) -> frozenset[str]:
    """Return the modules of the package that are imported with a module, itself included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name:
            waiting.append(name.rpartition(".")[0])  # packages come with what is in them
        waiting += [i.target for i in _of(name) if i.ours and not (i.lazy or i.typing)]
    return frozenset(found)


def outside(module: str) -> set[str]:
    """Return the other packages that a module itself imports when it is imported."""
    return {i.target.split(".")[0] for i in _of(module) if not (i.ours or i.lazy or i.typing)}
