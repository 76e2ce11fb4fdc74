"""What the Python kernel needs to be importable inside sandboxes, and nothing else of the host."""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import errno
import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from agentbay.local.failures import LocalRuntimeError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("Packages",)

_ROOTS = ("ipykernel", "pyzmq")
# A debugger of many megabytes, which ipykernel does without when it is not there.
_UNNEEDED = frozenset({"debugpy"})


class Packages:
    """A directory that all sandboxes see, filled when the first kernel is about to start.

    Sandboxes are shown the directory from their start, so that those who never run code do not
    wait for it. It gets exactly the files of ipykernel and of what that needs: the environment
    of the runtime holds other packages, which are nobody else's business.

    Attributes:
        directory: Where they are, on the host.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._turn = asyncio.Lock()
        self._filled = False

    async def fill(self) -> None:
        """Make sure that the packages are there.

        Raises:
            LocalRuntimeError: They are not installed where the runtime runs.
        """
        async with self._turn:
            if not self._filled:
                await anyio.to_thread.run_sync(_fill, self.directory)
                self._filled = True


def _fill(directory: Path) -> None:
    try:
        found = list(_distributions())
    except importlib.metadata.PackageNotFoundError as exc:
        raise LocalRuntimeError(
            f"Running Python code needs {exc.name}, which is not installed: "
            "pip install 'agentbay-sdk[local]'"
        ) from exc
    for distribution in found:
        for file in distribution.files or ():
            if ".." not in file.parts:  # those are commands, not modules
                _place(Path(str(distribution.locate_file(file))), directory / file)
    # Inside it is read-only: what is not compiled now would be at the start of every kernel.
    compileall.compile_dir(directory, quiet=2)


def _distributions() -> Iterator[importlib.metadata.Distribution]:
    """Return the distributions, and all that they require, each once."""
    from packaging.requirements import Requirement  # ipykernel requires it

    seen = set(_UNNEEDED)
    wanted = list(_ROOTS)
    while wanted:
        name = wanted.pop()
        normal = re.sub(r"[-_.]+", "-", name).lower()
        if normal in seen:
            continue
        seen.add(normal)
        distribution = importlib.metadata.distribution(name)
        yield distribution
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)


def _place(source: Path, target: Path) -> None:
    """Make *target* the same file as *source*, or a copy of it where links cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        try:
            target.hardlink_to(source)
        except OSError as exc:
            if exc.errno not in (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK):
                raise
            shutil.copy2(source, target)
