"""Write the blocking mirror ``agentbay/_sync`` from the source of ``agentbay/_async``.

The source is parsed, never imported. A mirror class waits and does nothing else: each member is a
signature, a docstring and one call of its async twin. What to write follows from the form of a
member alone; a form that is not foreseen is refused with its place and the reason.

Exit status: 1 if ``--check`` finds a difference, 2 if something cannot be mirrored or written.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.mirror.source import BANNER, Package, RefusalError
from tools.mirror.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
BANNER_START = BANNER.partition("{")[0]
FIRST_PARTY = 'lint.isort.known-first-party=["agentbay"]'
RUFF_CONFIG = ("--config", str(ROOT / "pyproject.toml"), "--config", FIRST_PARTY)


def formatted(text: str) -> str:
    """Format *text* with ruff as the project does, with sorted imports."""
    if importlib.util.find_spec("ruff") is None:
        raise RefusalError("ruff is not installed; install the dependency group `format`")
    data = text.encode()
    for step in ("check --fix --select=I", "format"):
        command = [sys.executable, "-m", "ruff", *step.split(), "--quiet", *RUFF_CONFIG, "-"]
        done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=60)
        if done.returncode:
            raise RefusalError(f"ruff {step} failed: {done.stderr.decode()}")
        data = done.stdout
    return data.decode()


def render(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the mirror by name, given those of the async package."""
    package = Package(texts)
    mirror = {f"{source.name}.py": Writer(package, source).module() for source in package.public}
    package.check_markers()
    for source in package.sources:
        if source.name == "__init__":
            if source.tree.body[1:]:
                source.refuse(source.tree.body[1], "__init__.py", "it holds more than a docstring")
            mirror["__init__.py"] = package.start(source)
    return {name: formatted(text) for name, text in sorted(mirror.items())}


def present_files(directory: Path) -> dict[str, str]:
    """Return the files of a package, by their path in it."""
    paths = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(directory).as_posix(): path.read_bytes().decode() for path in paths}


def difference(name: str, present: str | None, wanted: str | None) -> str:
    """Say what is wrong with the file *name*, and show it as a unified diff."""
    state = "extra" if wanted is None else "missing" if present is None else "stale"
    before, after = ((text or "").splitlines(keepends=True) for text in (present, wanted))
    diff = difflib.unified_diff(before, after, f"present/{name}", f"generated/{name}")
    return "".join([f"{state}: {name}\n", *diff])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the blocking mirror of the async package.")
    parser.add_argument("--check", action="store_true", help="compare only; exit status 1 on drift")
    parser.add_argument("--package", type=Path, default=ROOT / "agentbay", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    mirror = options.package / "_sync"
    paths = (options.package / "_async").glob("*.py")
    try:
        wanted = render({path.name: path.read_text("utf-8") for path in paths})
        present = present_files(mirror)
        changed = sorted({name for name, _ in wanted.items() ^ present.items()})
        for name in changed if not options.check else ():
            if not present.get(name, BANNER_START).startswith(BANNER_START):
                raise RefusalError(f"{mirror / name} is in the way: it was not generated")
    except RefusalError as exc:
        print(exc, file=sys.stderr)
        return 2
    for name in changed:
        if options.check:
            print(difference(name, present.get(name), wanted.get(name)), end="")
        elif name not in wanted:
            (mirror / name).unlink()
        else:
            mirror.mkdir(exist_ok=True)
            (mirror / name).write_bytes(wanted[name].encode())
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
