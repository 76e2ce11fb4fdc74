"""The Python that runs the worker, and what of the host it needs to be seen inside."""

from __future__ import annotations

import sys
from pathlib import Path

from attrs import frozen

from agentbay.local.sandbox.base import SandboxError

# -I and -S: nothing of the user's environment or site-packages; -B: nothing is written.
WORKER_OPTIONS = ("-I", "-S", "-B", "-X", "utf8", "-c")
# The worker is a package that does not know its parent: appended, so that it shadows nothing.
WORKER_CODE = "import sys; sys.path.append(sys.argv.pop(1)); from worker.main import main; main()"
_SYSTEM = Path("/usr")


@frozen
class Interpreter:
    """An interpreter of the host.

    Attributes:
        executable: The program itself, not a link of a virtual environment to it.
        directories: Directories outside ``/usr`` that it needs at the same paths.
    """

    executable: Path
    directories: tuple[Path, ...]


def find_interpreter() -> Interpreter:
    """Return the interpreter behind the running one.

    Raises:
        SandboxError: It cannot be shown inside a sandbox without showing a home directory.
    """
    prefixes = {Path(prefix) for prefix in (sys.base_prefix, sys.base_exec_prefix)}
    # Links on the way to the prefix: the interpreter may know itself by either path.
    prefixes |= {prefix.resolve() for prefix in prefixes}
    visible = {_SYSTEM, *prefixes}
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(prefix, "bin", name).resolve() for prefix in sorted(prefixes)]
    if sys.executable:
        candidates.insert(0, Path(sys.executable).resolve())
    for executable in candidates:
        if executable.is_file() and any(executable.is_relative_to(path) for path in visible):
            break
    else:
        raise SandboxError(f"No Python executable below {sys.base_prefix}")
    outside = tuple(sorted(path for path in prefixes if not path.is_relative_to(_SYSTEM)))
    for path in outside:
        if Path.home().is_relative_to(path):
            raise SandboxError(
                f"Python is installed in {path}, which holds the home directory {Path.home()}: "
                "use an interpreter with a directory of its own"
            )
    return Interpreter(executable, outside)
