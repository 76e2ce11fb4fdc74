"""Try to get out of a sandbox."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentbay.local.sandbox.base import Network, Sandbox, WorkerError
from agentbay.local.sandbox.interpreter import find_interpreter
from tests.isolation.processes import names_in, program
from tests.worker.support import call, read, sh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.isolation.conftest import StartFunction

SECRET = "host-secret-7c1f"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def content(path: Path) -> bytes:
    return path.read_bytes()


def connect_command(address: str, port: int) -> str:
    code = f"import socket; socket.create_connection(({address!r}, {port}), 2); print('connected')"
    return f'python3 -c "{code}"'


async def test_host_files_are_not_there(sandbox: Sandbox, secret_file: Path) -> None:
    done = await sh(sandbox, f"cat {secret_file} /etc/shadow /etc/gshadow /etc/sudoers; ls /boot")
    assert done.stdout == ""
    for path in (str(secret_file), "/etc/shadow", "/proc/1/root/etc/shadow"):
        with pytest.raises(WorkerError) as caught:
            await read(sandbox, path)
        assert caught.value.code in ("not_found", "permission_denied")


async def test_no_home_directory_shows(sandbox: Sandbox) -> None:
    """Nothing but the way to an interpreter that lives there."""
    home = Path.home()
    shown = {
        directory.relative_to(home).parts[0]
        for directory in find_interpreter().directories
        if directory.is_relative_to(home)
    }
    done = await sh(sandbox, f"ls -A {home}")
    assert set(done.stdout.split()) == shown
    assert (await sh(sandbox, "ls -A /home")).stdout == "wuying\n"


async def test_dots_and_links_lead_nowhere(sandbox: Sandbox, secret_file: Path) -> None:
    up = "../" * 40
    await sh(sandbox, f"ln -s {secret_file} link; ln -s {up} up; ln -s / root")
    for path in (f"{up}{secret_file}", "link", f"up{secret_file}", f"root{secret_file}"):
        with pytest.raises(WorkerError) as caught:
            await read(sandbox, path)
        assert caught.value.code == "not_found"
    # The same path exists inside from now on, and stays inside.
    await call(sandbox, "write_file", b"changed", path=f"{up}{secret_file}")
    await call(sandbox, "write_file", b"changed", path="link")
    assert content(secret_file) == SECRET.encode()
    assert names_in(secret_file.parent) == [sandbox.spec.root.name, "secret"]


async def test_removal_follows_no_links(start: StartFunction, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text(SECRET)
    sandbox = await start()
    await sh(sandbox, f"ln -s {kept} link; ln -s ../../../../../../../.. up; ln -s {kept}/file f")
    await sh(sandbox, "mkdir -p closed/below; chmod 000 closed/below closed; chmod 000 ~ /")
    await sandbox.close()
    assert not sandbox.spec.root.exists()
    assert (kept / "file").read_text() == SECRET


async def test_system_directories_are_read_only(sandbox: Sandbox) -> None:
    prefixes = ["/usr", "/usr/local", "/etc/ssl/certs", "/opt/agentbay/lib/worker", "/proc", "/dev"]
    prefixes += map(str, find_interpreter().directories)
    for prefix in prefixes:
        with pytest.raises(WorkerError) as caught:
            await call(sandbox, "write_file", b"x", path=f"{prefix}/planted")
        assert caught.value.code in ("permission_denied", "not_found")


async def test_nothing_in_proc_can_be_written(sandbox: Sandbox) -> None:
    """Run by root, the user inside is the owner of /proc/sys, and needs no capability."""
    code = """
import os
for directory, names, files in os.walk("/proc"):
    if directory == "/proc":
        names[:] = [name for name in names if not name.isdigit()]
    for file in files:
        try:
            os.close(os.open(os.path.join(directory, file), os.O_WRONLY | os.O_NONBLOCK))
            print("writable:", directory, file)
        except OSError:
            pass
print("done")
"""
    await call(sandbox, "write_file", code.encode(), path="probe.py")
    done = await sh(sandbox, "python3 probe.py")
    assert done.stdout == "done\n"
    done = await sh(sandbox, "echo '|/tmp/x' >/proc/sys/kernel/core_pattern; ls /sys")
    assert done.exit_code != 0
    assert (await sh(sandbox, "echo b >/proc/sysrq-trigger")).exit_code != 0


async def test_no_capabilities_and_no_way_to_new_ones(sandbox: Sandbox) -> None:
    status = await sh(sandbox, "cat /proc/self/status")
    facts = dict(line.split(":\t") for line in status.stdout.splitlines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[name], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert (await sh(sandbox, "id -u; id -g")).stdout == "1000\n1000\n"


@pytest.mark.parametrize(
    "command",
    [
        "mount -t tmpfs none /mnt",
        "mount --bind /usr /mnt",
        "mount -o remount,rw /usr",
        "mount -o remount,rw /proc",
        "umount /proc",
        "unshare --user true",
        "unshare --user --map-root-user true",
        "unshare --user --mount-proc --pid --fork true",
        "mknod /tmp/disk b 8 0",
        "chroot / true",
        "chown 0 /tmp",
    ],
)
async def test_privileged_operations_fail(sandbox: Sandbox, command: str) -> None:
    tool = command.split(maxsplit=1)[0]
    assert (await sh(sandbox, f"command -v {tool}")).exit_code == 0
    assert (await sh(sandbox, command)).exit_code != 0


async def test_key_rings_of_the_host_are_out_of_reach(sandbox: Sandbox) -> None:
    code = """
import ctypes, errno, platform
numbers = {"x86_64": (248, 249, 250, 0x40000000 + 250)}.get(platform.machine(), (217, 218, 219))
libc = ctypes.CDLL(None, use_errno=True)
for number in numbers:
    assert libc.syscall(number, 0, -4, 1, 0, 0) == -1
    print(errno.errorcode[ctypes.get_errno()])
"""
    await call(sandbox, "write_file", code.encode(), path="keys.py")
    done = await sh(sandbox, "python3 keys.py; grep Seccomp: /proc/self/status")
    assert set(done.stdout.splitlines()) == {"ENOSYS", "Seccomp:\t2"}


async def test_host_processes_cannot_be_seen_or_reached(sandbox: Sandbox) -> None:
    with program("sleep", "1000") as sleeper:
        names = (await sh(sandbox, "ls /proc")).stdout.split()
        pids = [int(name) for name in names if name.isdigit()]
        assert len(pids) < 10
        assert max(pids) < 1000
        victims = (sleeper.pid, sandbox.pid, os.getpid())
        done = await sh(sandbox, "; ".join(f"kill -9 {pid}" for pid in victims))
        assert done.stderr.count("No such process") == len(victims)
        assert sleeper.poll() is None


async def test_the_host_environment_does_not_leak(
    start: StartFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTBAY_API_KEY", SECRET)
    sandbox = await start(env={"GIVEN": "in-session"})
    done = await sh(sandbox, "env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'")
    assert SECRET not in done.stdout
    assert "GIVEN=in-session" in done.stdout
    names = {line.split("=")[0] for line in (await sh(sandbox, "env")).stdout.splitlines()}
    assert names == {"GIVEN", "HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "USER"}


async def test_the_session_environment_does_not_show_on_the_host(start: StartFunction) -> None:
    sandbox = await start(env={"LD_PRELOAD": "/tmp/evil.so", "TOKEN": SECRET})
    for name in ("environ", "cmdline"):
        outside = content(Path(f"/proc/{sandbox.pid}/{name}"))
        assert SECRET.encode() not in outside
        assert b"LD_PRELOAD" not in outside
    assert SECRET not in repr(sandbox.spec)


async def test_descriptors_of_the_runtime_are_not_inherited(
    start: StartFunction, secret_file: Path
) -> None:
    with secret_file.open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        sandbox = await start()
        done = await sh(sandbox, "readlink /proc/self/fd/* /proc/1/fd/* /proc/2/fd/*")
    kinds = {target.partition(":")[0] for target in done.stdout.split()}
    assert kinds <= {"/dev/null", "pipe", "socket", "anon_inode", "/proc/self/fd", "/proc"}
    own = await sh(sandbox, "ls /proc/self/fd")
    assert own.stdout.split() == ["0", "1", "2", "3"]  # 3 is the directory that is listed


async def test_set_user_id_files_are_out_of_reach_of_other_users(sandbox: Sandbox) -> None:
    """Run by root, a file made inside belongs to root on the host."""
    await sh(sandbox, "cp /usr/bin/id planted; chmod 6755 planted; chmod 777 / /home ~")
    root = sandbox.spec.root
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert (root / "fs/home/wuying/planted").stat().st_mode & stat.S_ISUID


async def test_host_name(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "hostname")).stdout == f"{sandbox.spec.id}\n"


@pytest.mark.parametrize("network", [Network.NAT, Network.NONE])
async def test_the_host_loopback_is_out_of_reach(
    start: StartFunction, listener: socket.socket, network: Network
) -> None:
    sandbox = await start(network=network)
    port = listener.getsockname()[1]
    for address in ("127.0.0.1", "10.0.2.2", "10.0.2.3", "localhost"):
        done = await sh(sandbox, connect_command(address, port))
        assert done.exit_code != 0
        assert "connected" not in done.stdout
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_the_host_network_only_when_asked_for(
    start: StartFunction, listener: socket.socket
) -> None:
    sandbox = await start(network=Network.HOST)
    done = await sh(sandbox, connect_command("127.0.0.1", listener.getsockname()[1]))
    assert done.stdout == "connected\n"
    listener.accept()[0].close()


async def test_two_sandboxes_share_nothing(start: StartFunction) -> None:
    first, second = await start(), await start()
    await sh(first, "touch /tmp/mine /dev/shm/mine; python3 -m http.server 8000 >&2 & echo")
    assert (await sh(second, "ls /tmp /dev/shm")).stdout == "/dev/shm:\n\n/tmp:\n"
    assert (await sh(second, connect_command("127.0.0.1", 8000))).exit_code != 0
    assert "http.server" not in (await sh(second, "cat /proc/*/cmdline")).stdout
