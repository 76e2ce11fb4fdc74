"""The layers of the package import in one direction only."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.api.source import PACKAGE, Import, all_imports, imports_of, layer_of, source_files

SHARED = {"_masking", "_version", "errors", "config", "models"}

# What each part of the package may import of the others ("agentbay": the public names).
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "_masking": set(),
    "errors": set(),
    "config": {"_version", "errors", "logs"},
    "logs": {"_masking"},
    "models": {"errors"},
    "_wire": {"errors", "models"},
    "_transport": {*SHARED, "_wire"},
    "_outcome": set(),
    "_caller": {"_outcome", "errors"},
    "_async": {*SHARED, "_caller", "_wire", "_transport"},
    "_loop_thread": {"errors"},
    "_portal": {"_caller", "_loop_thread", "_outcome", "errors"},
    "_sync": {*SHARED, "_async", "_portal"},
    "local": {"_version", "errors", "models", "_wire"},
    "_other_names": {"_async", "_sync"},
    "agentbay": {*SHARED, "_other_names", "logs", "_async", "_sync"},
    "cli": {"agentbay", "config", "errors", "models", "local", "testing"},
    "testing": {"agentbay", "config", "errors", "models", "_wire", "local"},
    "__main__": {"cli"},
}

# Allowed against the direction, each in exactly one function.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("_transport", "local"): "endpoint=local starts the embedded runtime on first use",
}

CORE_DEPENDENCIES = {"anyio", "attr", "attrs", "cattrs", "dotenv"}
# Type checkers bring this one with them; it must not be needed at run time.
FOR_TYPE_CHECKERS = {"typing_extensions"}
# What else a part may import from outside the standard library.
EXTRA_DEPENDENCIES: dict[str, set[str]] = {
    "_async": {"playwright"},  # only where a program has it
    "_transport": {"aiohttp", "yarl"},  # yarl's URL is how aiohttp takes a URL
    "local": {"aiohttp", "packaging", "trustme"},
    "cli": {"rich", "typer"},
    "testing": {"aiohttp", "pytest", "yarl"},
}


# Programs inside a sandbox that get packages of the runtime: they speak to a Jupyter kernel, or
# are one.
KERNEL_PROGRAMS = {"jupyter", "python_kernel"}
KERNEL_DEPENDENCIES = {"ipykernel", "jupyter_client", "traitlets", "zmq"}


def internal_imports() -> list[Import]:
    return [found for found in all_imports() if found.target.split(".")[0] == "agentbay"]


def external_imports() -> list[Import]:
    return [
        found
        for found in all_imports()
        if found.target.split(".")[0] not in {"agentbay", *sys.stdlib_module_names}
        and not is_worker(found.importer)
    ]


def is_worker(module: str) -> bool:
    return module.startswith("agentbay.local.worker")


def test_every_layer_has_a_rule() -> None:
    layers = {
        path.stem if path.is_file() else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))
    }
    assert layers - {"__init__"} <= MAY_IMPORT.keys()
    assert {"errors", "models", "_wire", "_transport", "_async", "_sync", "local"} <= layers


def test_imports_go_one_way() -> None:
    wrong = []
    for found in internal_imports():
        importer, target = layer_of(found.importer), layer_of(found.target)
        allowed = target == importer or target in MAY_IMPORT[importer]
        if not allowed and (importer, target) not in EXCEPTIONS:
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("importer", "target"), EXCEPTIONS)
def test_an_exception_is_used_by_exactly_one_function(importer: str, target: str) -> None:
    places = {
        (found.importer, found.function)
        for found in internal_imports()
        if (layer_of(found.importer), layer_of(found.target)) == (importer, target)
    }
    assert len(places) == 1
    assert all(function is not None for _, function in places)


def test_only_declared_dependencies_are_imported() -> None:
    wrong = []
    for found in external_imports():
        allowed = CORE_DEPENDENCIES | EXTRA_DEPENDENCIES.get(layer_of(found.importer), set())
        if found.typing_only:
            allowed |= FOR_TYPE_CHECKERS
        if found.target.split(".")[0] not in allowed:
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_the_worker_needs_nothing_but_the_standard_library() -> None:
    folder = PACKAGE / "local" / "worker"
    files = sorted(folder.rglob("*.py"))
    siblings = {path.stem for path in files}
    assert files
    wrong = [
        str(found)
        for path in files
        for found in imports_of(path)
        if not is_worker(found.target)
        and found.target.split(".")[0] not in (siblings | sys.stdlib_module_names) - {"asyncio"}
        and not (path.stem in KERNEL_PROGRAMS and found.target.split(".")[0] in KERNEL_DEPENDENCIES)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_relative_imports() -> None:
    """One way to write an import; a part that is moved keeps meaning what it says.

    The worker is exempt: it also runs as a bare folder, where its modules have no package.
    """
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in source_files()
        if not is_worker(f"agentbay.{'.'.join(path.relative_to(PACKAGE).parts)}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not wrong, "\n".join(wrong)
