"""The command: what it writes, what it only compares, and what it never touches."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import lines_of
from tools.generate_sync import ROOT, main

SOURCE = '''"""Things."""

from __future__ import annotations

__all__ = ("AsyncThing",)


class AsyncThing:
    """A thing."""

    async def name(self) -> str:
        return "thing"
'''
HAND_WRITTEN = "# By hand.\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with two modules, and its mirror."""
    package = tmp_path / "agentbay"
    (package / "_async").mkdir(parents=True)
    (package / "_async" / "__init__.py").write_text('"""Logic."""\n')
    (package / "_async" / "thing.py").write_text(SOURCE)
    assert main(["--package", str(package)]) == 0
    return package


def check(package: Path) -> int:
    return main(["--check", "--package", str(package)])


def snapshot(package: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in package.rglob("*")
    }


def test_what_was_written_is_accepted(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(path.name for path in (package / "_sync").iterdir()) == [
        "__init__.py",
        "thing.py",
    ]
    assert check(package) == 0
    assert capsys.readouterr() == ("", "")


def test_writing_again_touches_nothing(package: Path) -> None:
    before = snapshot(package)
    assert main(["--package", str(package)]) == 0
    assert snapshot(package) == before


def test_a_missing_file_is_found(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (package / "_sync" / "thing.py").unlink()
    assert check(package) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["missing: thing.py", "--- present/thing.py", "+++ generated/thing.py"]
    assert "+class Thing(Mirror[AsyncThing]):" in lines


def test_an_empty_file_is_not_a_missing_one(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "_sync" / "extra.py").write_text("")
    assert check(package) == 1
    assert capsys.readouterr().out == "extra: extra.py\n"


@pytest.mark.parametrize("name", ["extra.py", "deeper/extra.py", "notes.txt"])
def test_an_extra_file_is_found(
    package: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = package / "_sync" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HAND_WRITTEN)
    assert check(package) == 1
    assert f"extra: {name}\n" in capsys.readouterr().out


def test_compiled_files_do_not_count(package: Path) -> None:
    cache = package / "_sync" / "__pycache__"
    cache.mkdir()
    (cache / "thing.cpython-311.pyc").write_bytes(b"\xff")
    assert check(package) == 0


def test_a_changed_source_is_found(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = package / "_async" / "thing.py"
    source.write_text(SOURCE.replace("name(self)", "title(self)"))
    assert check(package) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stale: thing.py"
    assert "-    def name(self) -> str:" in lines
    assert "+    def title(self) -> str:" in lines


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text + "# edited\n",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
    ],
    ids=["longer", "truncated", "line-ends", "last-line"],
)
def test_an_edit_by_hand_is_found(package: Path, edit: object) -> None:
    assert callable(edit)
    path = package / "_sync" / "thing.py"
    path.write_bytes(edit(path.read_text()).encode())
    assert check(package) == 1
    assert main(["--package", str(package)]) == 0
    assert check(package) == 0


def test_checking_touches_nothing(package: Path) -> None:
    (package / "_async" / "thing.py").write_text(SOURCE.replace("name", "title"))
    (package / "_sync" / "__init__.py").unlink()
    (package / "_sync" / "extra.py").write_text(HAND_WRITTEN)
    before = snapshot(package)
    assert check(package) == 1
    assert snapshot(package) == before


def test_a_mirror_whose_source_is_gone_is_removed(package: Path) -> None:
    (package / "_async" / "thing.py").unlink()
    assert check(package) == 1
    assert main(["--package", str(package)]) == 0
    assert [path.name for path in (package / "_sync").iterdir()] == ["__init__.py"]


@pytest.mark.parametrize("name", ["thing.py", "extra.py"])
def test_a_file_without_the_banner_is_left_alone(
    package: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "_async" / "thing.py").write_text(SOURCE.replace("name", "title"))
    path = package / "_sync" / name
    path.write_text(HAND_WRITTEN)
    before = snapshot(package)
    assert main(["--package", str(package)]) == 2
    assert snapshot(package) == before
    assert capsys.readouterr().err == f"{path} is in the way: it was not generated\n"


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["write", "check"])
def test_a_refusal_touches_nothing(
    package: Path, mode: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "_async" / "thing.py").write_text(SOURCE.replace(" -> str", ""))
    before = snapshot(package)
    assert main([*mode, "--package", str(package)]) == 2
    assert snapshot(package) == before
    assert capsys.readouterr().err == (
        "agentbay/_async/thing.py:11: cannot mirror AsyncThing.name "
        "because its return type is not annotated\n"
    )


def test_a_missing_formatter_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert check(package) == 2
    assert capsys.readouterr().err == (
        "ruff is not installed; install the dependency group `format`\n"
    )


def test_it_runs_as_a_module(package: Path) -> None:
    (package / "_sync" / "thing.py").unlink()
    finished = subprocess.run(
        [sys.executable, "-m", "tools.generate_sync", "--check", "--package", package],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (1, "")
    assert finished.stdout.startswith("missing: thing.py\n")


def test_the_mirror_works(package: Path) -> None:
    (package / "__init__.py").write_text("")
    for name in ("_caller.py", "_loop_thread.py", "_outcome.py", "_portal.py", "errors.py"):
        shutil.copy(ROOT / "agentbay" / name, package / name)
    script = """
    from agentbay._async.thing import AsyncThing
    from agentbay._sync.thing import Thing
    print(Thing._wrap(AsyncThing()).name())
    """
    assert lines_of(script, root=package.parent) == ["thing"]
