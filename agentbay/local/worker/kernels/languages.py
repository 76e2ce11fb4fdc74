"""The languages, and how the kernel of each is started."""

from __future__ import annotations

import os
import shutil
import sys

from .base import Kernel, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HERE = os.path.dirname(os.path.abspath(__file__))


def start_kernel(language: str, packages: str, env: dict[str, str]) -> Kernel:
    """Start the kernel of *language*.

    Args:
        language: Its name in the protocol.
        packages: Directory with what the kernels that speak the protocol of Jupyter need.
        env: The kernel's environment.

    Raises:
        KernelError: It cannot be started; the message says what is missing.
    """
    try:
        return _LANGUAGES[language](packages, env)
    except KernelError as exc:
        raise KernelError(f"The {language} kernel did not start: {exc}") from exc


def _python(packages: str, env: dict[str, str]) -> Kernel:
    program = os.path.join(_HERE, "python_kernel.py")
    command = [sys.executable, "-X", "utf8", program, "{connection_file}", packages]
    return _jupyter(command, packages, env)


def _r(packages: str, env: dict[str, str]) -> Kernel:
    program = _program("R", "r-base-core and r-cran-irkernel", env)
    command = [program, "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"]
    return _jupyter(command, packages, env, shows_values=True)


def _jupyter(
    command: list[str], packages: str, env: dict[str, str], *, shows_values: bool = False
) -> Kernel:
    if packages and packages not in sys.path:
        sys.path.append(packages)
    try:
        from .jupyter import JupyterKernel
    except ImportError as exc:
        raise KernelError(f"{exc}; install it with: pip install 'agentbay-sdk[local]'") from exc
    return JupyterKernel(command, env, shows_values=shows_values)


def _javascript(_packages: str, env: dict[str, str]) -> Kernel:
    program = _program("node", "nodejs", env)
    return _of_program([program, os.path.join(_HERE, "javascript_kernel.js")], env)


def _java(_packages: str, env: dict[str, str]) -> Kernel:
    _program("jshell", "default-jdk-headless", env)
    program = _program("java", "default-jdk-headless", env)
    return _of_program([program, *_JAVA_OPTIONS, os.path.join(_HERE, "JavaKernel.java")], env)


# The kernel starts sooner without the optimising compiler, whose gain few snippets would see.
_JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8")


def _of_program(command: list[str], env: dict[str, str]) -> Kernel:
    from .program import ProgramKernel

    return ProgramKernel(command, env)


def _program(name: str, debian_package: str, env: dict[str, str]) -> str:
    found = shutil.which(name, path=env.get("PATH"))
    if found is None:
        raise KernelError(
            f"{name} is not installed on the machine of the runtime; "
            f"install it with: apt install {debian_package}"
        )
    return found


_LANGUAGES: dict[str, Callable[[str, dict[str, str]], Kernel]] = {
    "python": _python,
    "javascript": _javascript,
    "r": _r,
    "java": _java,
}
