"""The package as source text: which module imports what, and from where in it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "agentbay"


class Import(NamedTuple):
    """One imported module, as seen from one place in the source."""

    importer: str  # dotted name of the module that imports
    target: str  # dotted name of what it imports, absolute
    line: int
    function: str | None  # qualified name of the enclosing function, None at module level
    typing_only: bool  # below `if TYPE_CHECKING:`, so never executed

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> str:
    """Return the part of the package that holds *module*: agentbay.local.store -> local."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "agentbay"


class _Imports(ast.NodeVisitor):
    def __init__(self, path: Path) -> None:
        self.module = module_name(path)
        self.package = self.module if path.name == "__init__.py" else self.module.rpartition(".")[0]
        self.scope: list[str] = []
        self.functions = 0
        self.typing_only = False
        self.found: list[Import] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.functions += 1
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()
        self.functions -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name is given by ast

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)
            return
        self.typing_only = True
        for statement in node.body:
            self.visit(statement)
        self.typing_only = False
        for statement in node.orelse:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            ancestors = self.package.split(".")
            base = ".".join([*ancestors[: len(ancestors) - node.level + 1], *filter(None, [base])])
        for alias in node.names:
            name = f"{base}.{alias.name}"
            self.add(name if is_own_module(name) else base, node)

    def add(self, target: str, node: ast.stmt) -> None:
        function = ".".join(self.scope) if self.functions else None
        self.found.append(Import(self.module, target, node.lineno, function, self.typing_only))


def is_own_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith("agentbay.") and (path.is_dir() or path.with_suffix(".py").is_file())


def imports_of(path: Path) -> list[Import]:
    """Return every import of a file: at the top, in functions and under TYPE_CHECKING alike."""
    visitor = _Imports(path)
    visitor.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return visitor.found


def all_imports() -> list[Import]:
    return [found for path in source_files() for found in imports_of(path)]
