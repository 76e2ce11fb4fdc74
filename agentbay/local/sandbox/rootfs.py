"""The root file system of a sandbox: a small private one around the host's ``/usr``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from agentbay.local import worker
from agentbay.local.sandbox.base import Network

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import SandboxSpec
    from agentbay.local.sandbox.interpreter import Interpreter

USER = "wuying"
HOME = f"/home/{USER}"
ID = 1000
TOOLS = "/opt/agentbay/bin"
WORKER_PARENT = "/opt/agentbay/lib"
PACKAGES = "/opt/agentbay/packages"
PATH = f"{TOOLS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_DNS_OF_NAT = "10.0.2.3"
_WORKER = Path(worker.__file__).parent
_STICKY = 0o1777
_DIRECTORIES = (
    "dev",
    "etc/ssl",
    "home",
    HOME[1:],
    "media",
    "mnt",
    "opt",
    "proc",
    "run",
    "srv",
    "usr",
    "var/cache",
    "var/lib",
    "var/log",
    TOOLS[1:],
    f"{WORKER_PARENT[1:]}/worker",
)
_WRITABLE_BY_ALL = ("tmp", "var/tmp")
_LIBRARIES = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
# What programs in /usr cannot do without; nothing here is particular to the host's users.
_FROM_ETC = (
    "R",
    "alternatives",
    "chromium",
    "chromium.d",
    "debian_version",
    "fonts",
    "java*",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
    "os-release",
    "pki/ca-trust/extracted",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)


def build(root: Path, spec: SandboxSpec, interpreter: Interpreter) -> None:
    """Make the directories and small files of a new root file system in *root*."""
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in _WRITABLE_BY_ALL:
        path = root / name
        path.mkdir(parents=True)
        path.chmod(_STICKY)
    for name in _LIBRARIES:
        source = Path("/", name)
        if source.is_symlink():
            (root / name).symlink_to(source.readlink())
    (root / "var/run").symlink_to("/run")
    (root / "etc/mtab").symlink_to("/proc/self/mounts")
    for name, text in _files(spec).items():
        (root / "etc" / name).write_text(text)
    for name in ("python", "python3"):
        (root / TOOLS[1:] / name).symlink_to(interpreter.executable)


def _files(spec: SandboxSpec) -> dict[str, str]:
    return {
        "passwd": (
            "root:x:0:0:root:/root:/usr/sbin/nologin\n"
            f"{USER}:x:{ID}:{ID}:{USER}:{HOME}:{shell()}\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "group": f"root:x:0:\n{USER}:x:{ID}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {spec.id}\n::1 localhost\n",
        "hostname": f"{spec.id}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": _resolver(spec.network),
    }


def _resolver(network: Network) -> str:
    if network is Network.NAT:
        return f"nameserver {_DNS_OF_NAT}\n"
    configuration = Path("/etc/resolv.conf")
    if network is Network.HOST and configuration.is_file():
        return configuration.read_text()
    return ""


def shell() -> str:
    """Return the login shell inside."""
    return "/bin/bash" if shutil.which("bash", path="/bin:/usr/bin") else "/bin/sh"


def mounts(root: Path, spec: SandboxSpec, interpreter: Interpreter) -> list[str]:
    """Return the options of bubblewrap that show *root*, and what of the host, inside."""
    arguments = ["--bind", str(root), "/", *_read_only("/usr")]
    for name in _LIBRARIES:
        if not Path("/", name).is_symlink() and Path("/", name).is_dir():
            arguments += _read_only(f"/{name}")
    for pattern in _FROM_ETC:
        for found in sorted(Path("/etc").glob(pattern)):
            arguments += _read_only(str(found))
    for directory in interpreter.directories:
        arguments += _read_only(str(directory))
    if spec.packages is not None:
        arguments += ["--ro-bind", str(spec.packages), PACKAGES]
    return [*arguments, "--ro-bind", str(_WORKER), f"{WORKER_PARENT}/worker"]


def small_disk(size: int | None) -> list[str]:
    """Return the options of bubblewrap for directories that hold *size* bytes each."""
    if size is None:
        return []
    home = ["--size", str(size), "--tmpfs", HOME]
    return [*home, "--perms", "1777", "--size", str(size), "--tmpfs", "/tmp"]  # noqa: S108


def _read_only(path: str) -> list[str]:
    return ["--ro-bind", path, path]
