"""Development tasks: `nox --list` shows them, plain `nox` runs the quick checks."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["sync-check", "lint", "typing"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True
nox.options.error_on_external_run = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PROJECT = ("-e", ".[cli,local]")
PUBLIC_CLIENT = "wuying-agentbay-sdk==0.22.3"
# More than processors: a third of the time, tests wait for a pause or for the other end.
WORKERS = str(3 * (os.cpu_count() or 2) // 2)
# A developer's own key or endpoint must never reach the tests.
CLEAN_ENV = {name: None for name in os.environ if name.startswith("AGENTBAY_")}


def install(session: nox.Session, *packages: str, groups: tuple[str, ...] = ()) -> None:
    """Install packages and dependency groups; `nox -R` skips this in an existing environment."""
    session.install(*packages, *nox.project.dependency_groups(PYPROJECT, *groups))


def run_tests(session: nox.Session) -> None:
    session.run("pytest", "-n", WORKERS, *session.posargs, env=CLEAN_ENV)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demonstration on the embedded local runtime."""
    install(session, *PROJECT)
    session.run(
        "agentbay", "demo", *session.posargs, env={**CLEAN_ENV, "AGENTBAY_ENDPOINT": "local"}
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, by default on the Python that runs nox; pytest gets what follows --."""
    install(session, *PROJECT, groups=("test",))
    run_tests(session)


for _version in PYTHONS:
    nox.session(name=f"tests-{_version}", python=_version)(tests.func)


@nox.session(name="tests-lowest", python=PYTHONS[0])
def tests_lowest(session: nox.Session) -> None:
    """Run the tests on the oldest Python with the lowest versions of our dependencies."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *extras["cli"], *extras["local"]]
    lowest = [requirement.replace(">=", "==") for requirement in requirements]
    install(session, *PROJECT, *lowest, groups=("test",))
    run_tests(session)


@nox.session(name="tests-cancellation")
def tests_cancellation(session: nox.Session) -> None:
    """Cancel and interrupt every operation at every suspension; the other tests take some."""
    install(session, *PROJECT, groups=("test",))
    env = {**CLEAN_ENV, "CANCEL_EVERYWHERE": "1"}
    session.run("pytest", "tests/cancellation", "-n", WORKERS, *session.posargs, env=env)


@nox.session
def compat(session: nox.Session) -> None:
    """Compare with the public client, which has the same import name and so its own environment."""
    install(session, *PROJECT, groups=("test",))
    public = Path(session.create_tmp(), "public").resolve()
    session.run("python", "-m", "venv", str(public))
    python = public / "bin" / "python"
    session.run(str(python), "-m", "pip", "install", "-q", PUBLIC_CLIENT, external=True)
    session.run(
        "pytest",
        "tests/compat",
        "-n",
        WORKERS,
        *session.posargs,
        env={**CLEAN_ENV, "PUBLIC_CLIENT_PYTHON": str(python)},
    )


@nox.session
def sync(session: nox.Session) -> None:
    """Write the blocking mirror agentbay/_sync from agentbay/_async."""
    install(session, groups=("format",))
    session.run("python", "-m", "tools.generate_sync")


@nox.session(name="sync-check")
def sync_check(session: nox.Session) -> None:
    """Fail if the blocking mirror is not what the generator would write."""
    install(session, groups=("format",))
    session.run("python", "-m", "tools.generate_sync", "--check")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and spelling; changes nothing."""
    install(session, groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the package, the tests and the tools."""
    install(session, *PROJECT, groups=("typing",))
    session.run("mypy", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, check what is in them and use the wheel in a clean environment."""
    install(session, groups=("build",))
    dist = Path(session.create_tmp(), "dist").resolve()
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist))
    session.run("python", "tools/check_dist.py", str(dist))


@nox.session
def changelog(session: nox.Session) -> None:
    """Show the changelog of the next release; fails on a misnamed fragment."""
    install(session, groups=("changelog",))
    session.run("towncrier", "build", "--draft", "--version", "next")
