"""Where control groups are made, and how those of killed runtimes are found."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from agentbay.local.sandbox.base import Limits
from agentbay.local.sandbox.cgroups import (
    Cgroups,
    Hierarchy,
    find_hierarchies,
    memory_limit,
    stale_groups,
)
from agentbay.local.sandbox.owner import identity, process_started, sweep_processes

BOTH = frozenset({"memory", "pids"})


def mount_line(point: Path, kind: str, options: str, root: str = "/") -> str:
    escaped = str(point).replace(" ", "\\040")
    return f"42 29 0:38 {root} {escaped} rw,nosuid shared:9 - {kind} cgroup rw,{options}"


def group(path: Path, handed_down: str = "") -> Path:
    """Make a directory that looks like a group of version 2."""
    path.mkdir(parents=True)
    (path / "cgroup.subtree_control").write_text(handed_down)
    (path / "cgroup.procs").touch()
    return path


def test_version_1_nests_below_the_own_group(tmp_path: Path) -> None:
    for name in ("memory/own/group", "pids", "cpu"):
        (tmp_path / name).mkdir(parents=True)
    mounts = [mount_line(tmp_path / name, "cgroup", name) for name in ("cpu", "memory", "pids")]
    found = find_hierarchies("\n".join(mounts), "4:memory:/own/group\n3:pids:/\n2:cpu:/\n")
    assert found == [
        Hierarchy(tmp_path / "cpu", tmp_path / "cpu", 1, frozenset({"cpu"})),
        Hierarchy(tmp_path / "memory/own/group", tmp_path / "memory", 1, frozenset({"memory"})),
        Hierarchy(tmp_path / "pids", tmp_path / "pids", 1, frozenset({"pids"})),
    ]


def test_version_1_inside_a_container(tmp_path: Path) -> None:
    """The mount shows the container's own group, by whatever name the host knows it."""
    (tmp_path / "memory/inner").mkdir(parents=True)
    line = mount_line(tmp_path / "memory", "cgroup", "memory", root="/docker/1234")
    assert find_hierarchies(line, "4:memory:/docker/1234/inner\n")[0].parent == (
        tmp_path / "memory/inner"
    )
    assert find_hierarchies(line, "4:memory:/\n")[0].parent == tmp_path / "memory"


def test_version_2_takes_the_nearest_group_that_hands_both_down(tmp_path: Path) -> None:
    mount = group(tmp_path / "cg roup", "cpu memory pids")
    user = group(mount / "user.slice/user@1000", "memory pids")
    group(user / "app.slice", "pids")
    group(user / "app.slice/own.scope")
    line = mount_line(mount, "cgroup2", "nsdelegate")
    own = "0::/user.slice/user@1000/app.slice/own.scope\n"
    assert find_hierarchies(line, own) == [Hierarchy(user, mount, 2, BOTH)]


def test_version_2_shares_processors_out_if_it_can(tmp_path: Path) -> None:
    mount = group(tmp_path / "cgroup", "cpu io memory pids")
    found = find_hierarchies(mount_line(mount, "cgroup2", "x"), "0::/\n")
    assert found == [Hierarchy(mount, mount, 2, BOTH | {"cpu"})]


def test_version_2_that_hands_nothing_down_can_be_frozen(tmp_path: Path) -> None:
    mount = group(tmp_path / "cgroup", "cpu")
    own = group(mount / "own")
    found = find_hierarchies(mount_line(mount, "cgroup2", "x"), "0::/own\n")
    assert found == [Hierarchy(own, mount, 2, frozenset())]


def test_the_least_limit_on_the_way_up_holds(tmp_path: Path) -> None:
    mount = group(tmp_path / "cgroup")
    (group(mount / "slice") / "memory.max").write_text("3000\n")
    (group(mount / "slice/own") / "memory.max").write_text("max\n")
    line = mount_line(mount, "cgroup2", "x")
    assert memory_limit(line, "0::/slice/own\n") == 3000
    assert memory_limit(line, "0::/\n") is None
    old = tmp_path / "memory"
    (group(old / "own") / "memory.limit_in_bytes").write_text("2000\n")
    (old / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    both = f"{line}\n{mount_line(old, 'cgroup', 'memory')}"
    assert memory_limit(both, "4:memory:/own\n0::/slice/own\n") == 2000


def test_hybrid_systems_use_version_1_for_limits(tmp_path: Path) -> None:
    unified = group(tmp_path / "unified")
    (tmp_path / "memory").mkdir()
    lines = [
        mount_line(tmp_path / "memory", "cgroup", "memory"),
        mount_line(unified, "cgroup2", "x"),
    ]
    found = find_hierarchies("\n".join(lines), "2:memory:/\n0::/\n")
    assert [(each.version, each.controllers) for each in found] == [
        (1, frozenset({"memory"})),
        (2, frozenset()),
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            1,
            {
                "pids.max": 100,
                "memory.limit_in_bytes": 2**30,
                "memory.memsw.limit_in_bytes": 2**30,
            },
        ),
        (2, {"pids.max": 100, "memory.max": 2**30, "memory.swap.max": 0}),
    ],
)
def test_what_is_written_for_limits(version: int, expected: dict[str, int]) -> None:
    hierarchy = Hierarchy(Path("/x"), Path("/x"), version, BOTH)
    assert dict(hierarchy.settings(Limits(memory_bytes=2**30, processes=100))) == expected


def test_only_groups_of_dead_processes_of_this_namespace_are_stale(tmp_path: Path) -> None:
    own = identity()
    namespace, pid, started = own.split("-")
    with subprocess.Popen(["true"]) as process:
        process.wait()
    dead = tmp_path / f"below/agentbay-{namespace}-{process.pid}-1-abc-session"
    reused = tmp_path / f"agentbay-{namespace}-{pid}-{int(started) + 1}-abc-session"
    kept = [
        tmp_path / f"agentbay-{own}-abc-session",
        tmp_path / f"agentbay-{int(namespace) + 1}-{process.pid}-1-abc-session",
        tmp_path / "agentbay.service",
        tmp_path / "agentbay-of-somebody-else",
    ]
    for path in (dead, reused, *kept):
        path.mkdir(parents=True)
    assert set(stale_groups(tmp_path)) == {dead, reused}


def test_processes_of_killed_runtimes_are_swept() -> None:
    """Those of living ones are not, nor what has no mark or that of another namespace."""
    namespace, pid, started = identity().split("-")
    stale = f"{namespace}-{pid}-{int(started) + 1}"
    others = [identity(), f"{int(namespace) + 1}-{pid}-1", "unreadable"]
    programs = [
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"AGENTBAY_RUNTIME": owner})
        for owner in (stale, *others)
    ]
    try:
        sweep_processes()
        assert programs[0].wait(timeout=10) == -signal.SIGKILL
        assert [program.poll() for program in programs[1:]] == [None] * len(others)
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def test_start_times() -> None:
    assert process_started(os.getpid()) is not None
    assert process_started(2**22 + 1) is None


def test_sweeping_the_real_hierarchies_keeps_living_groups() -> None:
    """Wherever this runs: with control groups of our own, one version or the other, or none."""
    cgroups = Cgroups.detect()
    made = cgroups.create("swept", Limits()) if cgroups.controllers else None
    cgroups.sweep()
    if made is not None:
        assert all(path.is_dir() for path in made.paths)
        assert made.remove_now()
        assert not any(path.exists() for path in made.paths)
