"""Searches inside a real sandbox."""

from __future__ import annotations

import pytest

from agentbay.local.sandbox.base import Sandbox, WorkerError
from tests.worker.support import call, sh


async def search(sandbox: Sandbox, folder: str, pattern: str, *excluded: str) -> list[str]:
    reply = await call(
        sandbox, "search_files", path=folder, pattern=pattern, excluded=list(excluded)
    )
    return [path.removeprefix(f"{folder}/") for path in reply.result["matches"]]


@pytest.fixture
async def tree(sandbox: Sandbox, folder: str) -> str:
    await sh(
        sandbox,
        "mkdir -p src/deep test_a.py node; touch a.py src/b.py src/deep/c.py src/deep/cc.pyc "
        "A.PY test_a.py/x.py node/n.py $(printf 'n%.0s' $(seq 200)) 'src/[b].py' "
        "'src/new\nline.py'; ln -s . loop; "
        "ln -s src linked; mkdir shut; touch shut/s.py; chmod 000 shut",
        cwd=folder,
    )
    return folder


@pytest.mark.parametrize(
    ("pattern", "excluded", "expected"),
    [
        ("?.py", (), ["a.py", "node/n.py", "src/b.py", "src/deep/c.py", "test_a.py/x.py"]),
        ("*.py", ("test_*", "node", "src"), ["a.py"]),
        ("c*", (), ["src/deep/c.py", "src/deep/cc.pyc"]),
        ("[b].py", (), ["src/[b].py"]),
        ("new?line*", (), ["src/new\nline.py"]),
        ("deep", (), ["src/deep"]),
        ("linked", (), ["linked"]),
        (".py", (), []),
        ("*", ("*",), []),
        ("*" + "n*" * 60 + "x", (), []),
    ],
)
async def test_names_are_matched(
    sandbox: Sandbox, tree: str, pattern: str, excluded: tuple[str, ...], expected: list[str]
) -> None:
    assert await search(sandbox, tree, pattern, *excluded) == expected


async def test_links_to_directories_are_not_followed(sandbox: Sandbox, tree: str) -> None:
    found = await sh(sandbox, "find . -mindepth 1 -print0", cwd=tree)
    paths = [path.removeprefix("./") for path in found.stdout.split("\0")[:-1]]
    assert {"linked", "loop", "shut", "src/deep/c.py"} < set(paths)
    assert await search(sandbox, tree, "*") == sorted(paths)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nope", "No such file or directory"), ("/etc/passwd", "Not a directory")],
)
async def test_a_search_in_no_directory(sandbox: Sandbox, path: str, reason: str) -> None:
    with pytest.raises(WorkerError) as caught:
        await search(sandbox, path, "*")
    assert str(caught.value) == f"Failed to search files: {path}, error: {reason}"
