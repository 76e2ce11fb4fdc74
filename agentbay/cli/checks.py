"""What ``agentbay doctor`` looks at: one function for each thing that may be missing."""

from __future__ import annotations

import enum
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
from attrs import frozen

from agentbay.cli.target import Target
from agentbay.errors import AgentBayError

__all__ = ("Check", "Status", "run_checks")

_PROBE_SECONDS = 10.0
_SESSION_SECONDS = 60.0
_TUN = Path("/dev/net/tun")
_LOCAL_EXTRA = 'pip install "agentbay-sdk[local]"'

_MAKE_USER_NAMESPACE = (
    ("bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"),
    ("unshare", "--user", "--map-root-user", "true"),
)
# Where Linux forbids user namespaces: the setting, the value that does, and one that does not.
_USER_NAMESPACE_SETTINGS = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)
_OPTIONAL_PROGRAMS = (
    ("git", ("git",), "version control in sessions", "git"),
    ("node", ("node", "nodejs"), "JavaScript in sessions", "nodejs"),
    (
        "chromium",
        ("chromium", "chromium-browser", "google-chrome"),
        "browsers in sessions",
        "chromium",
    ),
    ("Xvnc", ("Xvnc",), "desktops of sessions", "tigervnc-standalone-server"),
)


class Status(enum.Enum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    """Nothing works without it."""
    OPTIONAL = "optional"
    """It is missing, too, but only its own purpose needs it."""


@frozen
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        status: Whether it is there.
        purpose: What it is needed for.
        detail: What was found.
        remedy: How to get it; empty when it is there.
    """

    name: str
    status: Status
    purpose: str
    detail: str
    remedy: str = ""


def run_checks(
    target: Target | AgentBayError, run: Callable[[Callable[[], Awaitable[float]]], float]
) -> Iterator[Check]:
    """Look at everything, in the order in which a reader should mend it.

    What only the local runtime needs is optional when the cloud is configured.

    Args:
        target: Where sessions would be created, or why that cannot be said.
        run: Runs a coroutine function in an event loop.
    """
    absent = (
        Status.MISSING if isinstance(target, AgentBayError) or target.is_local else Status.OPTIONAL
    )
    yield _check_target(target)
    yield _check_python(absent)
    if sys.platform != "linux":
        yield Check(
            "Linux",
            absent,
            "sessions on this machine",
            f"this is {platform.system()}",
            "use the cloud, or `agentbay serve` inside a Linux virtual machine",
        )
        return
    yield _check_bubblewrap(absent)
    yield _check_user_namespaces(absent)
    yield _check_sandbox(absent, run)
    yield _check_network()
    yield _check_limits()
    yield from map(_check_program, _OPTIONAL_PROGRAMS)
    yield _check_modules("ipykernel, jupyter_client", "Python code that keeps its state")
    yield _check_modules("trustme", "agentbay serve --tls")


def _check_target(target: Target | AgentBayError) -> Check:
    purpose = "where sessions are created"
    if isinstance(target, AgentBayError):
        remedy = "set AGENTBAY_API_KEY, or AGENTBAY_ENDPOINT=local to use this machine"
        return Check("target", Status.MISSING, purpose, str(target), remedy)
    return Check("target", Status.OK, purpose, str(target))


def _check_python(absent: Status) -> Check:
    purpose = "the SDK and the processes that serve sessions"
    detail = f"{platform.python_version()} in {sys.base_prefix}"
    if sys.platform == "linux":
        from agentbay.local.sandbox.interpreter import find_interpreter

        try:
            find_interpreter()
        except AgentBayError as exc:
            return Check("Python", absent, purpose, detail, str(exc))
    return Check("Python", Status.OK, purpose, detail)


def _check_bubblewrap(absent: Status) -> Check:
    purpose = "the container around each session"
    path = shutil.which("bwrap")
    if path is None:
        return Check(
            "bubblewrap", absent, purpose, "no program bwrap in PATH", "apt install bubblewrap"
        )
    problem, version = _probe((path, "--version"))
    if problem:
        return Check("bubblewrap", absent, purpose, problem, "apt install --reinstall bubblewrap")
    return Check("bubblewrap", Status.OK, purpose, f"{version.split()[-1]} at {path}")


def _check_user_namespaces(absent: Status) -> Check:
    name, purpose = "user namespaces", "containers without root"
    probe = next((argv for argv in _MAKE_USER_NAMESPACE if shutil.which(argv[0])), None)
    if probe is None:
        detail = "cannot be tried out: there is neither bwrap nor unshare"
        return Check(name, absent, purpose, detail, "apt install bubblewrap")
    problem, _ = _probe(probe)
    if problem:
        return Check(name, absent, purpose, problem, _user_namespace_remedy())
    return Check(name, Status.OK, purpose, f"allowed for user id {os.getuid()}")


def _user_namespace_remedy() -> str:
    """Return what allows user namespaces here, by what forbids them."""
    found = []
    for name, forbidding, allowing in _USER_NAMESPACE_SETTINGS:
        path = Path("/proc/sys", *name.split("."))
        value = path.read_text().strip() if path.exists() else None
        if value == forbidding:
            return f"sysctl -w {name}={allowing}"
        found.append(f"{name} is {value or 'not there'}")
    return (
        f"raise the limit, or loosen the container around this process "
        f"(docker run --security-opt seccomp=unconfined): {', '.join(found)}"
    )


def _check_sandbox(absent: Status, run: Callable[[Callable[[], Awaitable[float]]], float]) -> Check:
    purpose = "sessions on this machine"
    try:
        seconds = run(_try_session)
    except AgentBayError as exc:
        return Check("sandbox", absent, purpose, str(exc), "mend what is missing above")
    return Check(
        "sandbox", Status.OK, purpose, f"a session started and ran a command in {seconds:.2f} s"
    )


async def _try_session() -> float:
    """Run a command in a session of a local runtime; return how long it took.

    Raises:
        AgentBayError: that is impossible.
    """
    from agentbay import AsyncAgentBay, Config
    from agentbay.local import LocalRuntime

    started = time.perf_counter()
    with anyio.move_on_after(_SESSION_SECONDS):
        async with (
            LocalRuntime(network="none") as runtime,
            AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as agent_bay,
            agent_bay.session() as session,
        ):
            (await session.command.execute_command("true")).unwrap()
            return time.perf_counter() - started
    raise AgentBayError(f"no session within {_SESSION_SECONDS:g} s")


def _check_network() -> Check:
    purpose = "outbound network of sessions"
    name = "slirp4netns"
    path = shutil.which(name)
    if path is None:
        return Check(
            name, Status.OPTIONAL, purpose, f"no program {name} in PATH", f"apt install {name}"
        )
    if not os.access(_TUN, os.R_OK | os.W_OK):
        remedy = f"modprobe tun; in a container: docker run --device {_TUN}"
        return Check(
            name, Status.OPTIONAL, purpose, f"{_TUN} cannot be opened by this user", remedy
        )
    return Check(name, Status.OK, purpose, f"{path}, {_TUN}")


def _check_limits() -> Check:
    from agentbay.local.sandbox.cgroups import find_hierarchies

    name, purpose = "control groups", "limits for a whole session"
    found = find_hierarchies(
        Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()
    )
    by_group = {
        controller: hierarchy.version
        for hierarchy in found
        for controller in sorted(hierarchy.controllers)
    }
    groups = [f"{controller} (version {version})" for controller, version in by_group.items()]
    if {"memory", "pids"} <= by_group.keys():
        return Check(name, Status.OK, purpose, ", ".join(groups))
    return Check(
        name,
        Status.OPTIONAL,
        purpose,
        f"{', '.join(groups) or 'none to write to'}; limits of single processes for the rest",
        "systemd-run --user --scope -p Delegate=yes agentbay serve, or run it as root",
    )


def _check_program(program: tuple[str, tuple[str, ...], str, str]) -> Check:
    name, commands, purpose, package = program
    path = next(filter(None, map(shutil.which, commands)), None)
    if path is None:
        detail = f"no program {' or '.join(commands)} in PATH"
        return Check(name, Status.OPTIONAL, purpose, detail, f"apt install {package}")
    return Check(name, Status.OK, purpose, path)


def _check_modules(names: str, purpose: str) -> Check:
    absent = [name for name in names.split(", ") if importlib.util.find_spec(name) is None]
    if absent:
        detail = f"not installed: {', '.join(absent)}"
        return Check(names, Status.OPTIONAL, purpose, detail, _LOCAL_EXTRA)
    return Check(names, Status.OK, purpose, "installed")


def _probe(argv: tuple[str, ...]) -> tuple[str, str]:
    """Run a program; return what is wrong with it, or nothing, and its output."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=_PROBE_SECONDS,
        )
    except OSError as exc:
        return f"{argv[0]}: {exc.strerror}", ""
    except subprocess.TimeoutExpired:
        return f"{argv[0]} did not end within {_PROBE_SECONDS:g} s", ""
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return f"{argv[0]}: {words[-1].removeprefix(f'{argv[0]}: ')}", ""
    return "", done.stdout.strip()
