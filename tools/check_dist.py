"""Check a built sdist and wheel: what they contain, and that the wheel works when installed.

Usage: python tools/check_dist.py DIST_FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

INSTALL_TIMEOUT = 300.0
ROOT = Path(__file__).resolve().parents[1]
NEEDED_IN_SDIST = ("pyproject.toml", "noxfile.py", "LICENSE", "README.md", "CHANGELOG.md")
FOLDERS_OF_SDIST = {
    "agentbay",
    "benchmarks",
    "changes",
    "docs",
    "examples",
    "scripts",
    "tests",
    "tools",
}

# Runs in an environment that holds the wheel and its core dependencies, far from the checkout.
FIRST_USE = """
import importlib.metadata, pathlib, sys
import agentbay
installed = pathlib.Path(agentbay.__file__).resolve()
assert installed.is_relative_to(pathlib.Path(sys.prefix).resolve()), installed
assert agentbay.__version__ == importlib.metadata.version("agentbay-sdk")
for name in agentbay.__all__:
    getattr(agentbay, name)
import agentbay.config, agentbay.errors, agentbay.local, agentbay.models
"""


class DistributionError(Exception):
    """A distribution does not contain what it should, or more than that."""


def package_files() -> set[str]:
    """Return the files of the package in the checkout, named as in the wheel."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "agentbay").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def require_same(what: str, expected: set[str], found: set[str]) -> None:
    """Raise with both differences if two sets of names are not equal."""
    missing, extra = sorted(expected - found), sorted(found - expected)
    if missing or extra:
        raise DistributionError(f"{what}: missing {missing}, not expected {extra}")


def check_wheel(wheel: Path) -> None:
    """Require the package, whole and alone, and the metadata that makes it usable."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        dist_info = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
        entry_points = archive.read(f"{dist_info}/entry_points.txt").decode()
    info = {name for name in names if name.startswith(f"{dist_info}/")}
    require_same(wheel.name, package_files(), names - info)
    if "agentbay/py.typed" not in names:
        raise DistributionError(f"{wheel.name}: no py.typed, type checkers would ignore it")
    if f"{dist_info}/licenses/LICENSE" not in info:
        raise DistributionError(f"{wheel.name}: no licence")
    if "agentbay = agentbay.cli:main" not in entry_points:
        raise DistributionError(f"{wheel.name}: no `agentbay` command")


def check_sdist(sdist: Path) -> None:
    """Require everything that a packager needs to build and test, and nothing private."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    missing = [name for name in NEEDED_IN_SDIST if name not in names]
    if missing:
        raise DistributionError(f"{sdist.name}: missing {missing}")
    folders = {name.partition("/")[0] for name in names if "/" in name}
    require_same(f"folders of {sdist.name}", FOLDERS_OF_SDIST, folders)
    packaged = {name for name in names if name.startswith("agentbay/")}
    require_same(sdist.name, package_files(), packaged)


def use_wheel(wheel: Path) -> None:
    """Install the wheel without extras into a new environment and use it there."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder, "environment")
        venv.create(environment, with_pip=True)
        programs = environment / "bin"

        def run(*command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command,
                cwd=folder,
                env=clean,
                text=True,
                capture_output=True,
                check=False,
                timeout=INSTALL_TIMEOUT,
            )

        for command in (
            (f"{programs}/python", "-m", "pip", "install", "--quiet", str(wheel)),
            (f"{programs}/python", "-W", "error", "-c", FIRST_USE),
        ):
            finished = run(*command)
            if finished.returncode:
                raise DistributionError(f"{' '.join(command[:4])}: {finished.stderr}")
        # Without its extra the command cannot work, but must say how to get it.
        finished = run(f"{programs}/agentbay", "demo")
        if finished.returncode == 0 or "agentbay-sdk[cli]" not in finished.stderr:
            raise DistributionError(f"agentbay without typer: {finished}")


def main() -> None:
    """Check the only wheel and the only sdist of the folder named on the command line."""
    dist = Path(sys.argv[1]).resolve()
    [wheel] = dist.glob("*.whl")
    [sdist] = dist.glob("*.tar.gz")
    check_sdist(sdist)
    check_wheel(wheel)
    use_wheel(wheel)
    print(f"{sdist.name} and {wheel.name} are complete, and the wheel works")


if __name__ == "__main__":
    main()
