"""What the local runtime asks of a sandbox, whatever isolates it.

The interface is small on purpose: one call to the worker inside, a sign of life and an end.
Paths, commands and files are the worker's business; a back end only has to start one, carry
frames to it and make sure that nothing of it remains.
"""

from __future__ import annotations

import enum
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, matches_re, max_len, optional

from agentbay.errors import AgentBayError

__all__ = (
    "Isolation",
    "Limits",
    "Network",
    "Sandbox",
    "SandboxDiedError",
    "SandboxError",
    "SandboxSpec",
    "Stream",
    "Usage",
    "WorkerError",
    "WorkerReply",
)

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


class SandboxError(AgentBayError):
    """A sandbox could not be started, used or removed."""


class SandboxDiedError(SandboxError):
    """The sandbox ended, by itself or by `close()`, before the call was answered."""


class WorkerError(SandboxError):
    """The worker inside the sandbox refused or failed a call.

    `code` is one of a closed set for callers to branch on: ``not_found``, ``is_a_directory``,
    ``not_a_directory``, ``already_exists``, ``not_empty``, ``permission_denied``,
    ``invalid_argument``, ``unknown_method``, ``too_large``, ``resource_limit``, ``timeout``,
    ``refused``, ``io_error`` and ``internal``.
    """

    def __init__(self, message: str = "", code: str = "internal") -> None:
        super().__init__(message)
        self.code = code


class Network(enum.Enum):
    """What a sandbox can reach."""

    NAT = "nat"
    """Its own network namespace, outbound connections only; nothing on the host's loopback."""
    HOST = "host"
    """The host's own interfaces, loopback included."""
    NONE = "none"
    """Its own loopback and nothing else."""


@frozen(kw_only=True)
class Limits:
    """Resources that one sandbox may use.

    `memory_bytes` and `processes` bound the whole sandbox where control groups are available
    and each process (memory) or the sandbox's user namespace (processes) where they are not.
    `output_bytes` is meant per stream of one command; the caller passes it on with the call.
    """

    memory_bytes: int = field(default=4 * _GIB, validator=ge(64 * _MIB))
    processes: int = field(default=512, validator=ge(16))
    open_files: int = field(default=4096, validator=ge(64))
    file_bytes: int = field(default=8 * _GIB, validator=ge(0))
    output_bytes: int = field(default=64 * _MIB, validator=ge(0))
    cpu_seconds: int | None = field(default=None, validator=optional(ge(1)))
    """CPU time of each process of a command; None for no limit."""
    disk_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """What the home directory and ``/tmp`` hold, each; they are in memory then. None for what
    the disk holds."""


@frozen(kw_only=True)
class SandboxSpec:
    """One sandbox to start.

    Attributes:
        id: Name of the session, also the host name inside.
        root: Directory that belongs to this sandbox alone. `Isolation.start` creates it (its
            parent must exist, it must not) and `Sandbox.close` removes it.
        env: Variables of every command, on top of a small fixed environment. They travel
            through the worker's socket, never on a command line.
        network: What the sandbox can reach.
        limits: What it may use.
        packages: Directory of the host with packages for kernels, which are seen read-only.
    """

    id: str = field(
        validator=and_(instance_of(str), max_len(63), matches_re(re.compile(r"[A-Za-z0-9][\w.-]*")))
    )
    root: Path = field(converter=Path)
    env: Mapping[str, str] = field(factory=dict, repr=False)
    network: Network = Network.NAT
    limits: Limits = field(factory=Limits)
    packages: Path | None = None


@frozen
class WorkerReply:
    """What a call to the worker gave: facts, and named pieces of raw bytes."""

    result: dict[str, Any]
    blobs: dict[str, bytes] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Usage:
    """What a sandbox uses, measured at one moment.

    Attributes:
        time: The moment, on the monotonic clock.
        cpus: Processors that it may run on.
        cpu_seconds: Processor time since its start.
        memory_bytes: Memory in use, without files that the kernel has cached.
        memory_total: The limit of the whole sandbox, else the memory of the machine.
        disk_bytes: What is in use of the file system that holds its files, by whomever.
        disk_total: The size of that file system.
        received_bytes: Received by its network interfaces since its start, without loopback.
        sent_bytes: Sent likewise.
    """

    time: float
    cpus: int
    cpu_seconds: float
    memory_bytes: int
    memory_total: int
    disk_bytes: int
    disk_total: int
    received_bytes: int
    sent_bytes: int


class Stream(ABC):
    """Bytes to and from something inside a sandbox; at most one task uses each direction."""

    @abstractmethod
    async def receive(self) -> bytes:
        """Return the next bytes, some at least; none after the other side has ended.

        Raises:
            WorkerError: The stream broke; what had arrived before has been returned.
            SandboxDiedError: The sandbox ended.
        """

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send *data*; waits while the other side is slow to take it.

        Raises:
            WorkerError: The stream broke.
            SandboxDiedError: The sandbox ended.
        """

    @abstractmethod
    def end(self) -> None:
        """Tell the other side that nothing more will be sent; receiving goes on. Idempotent."""

    @abstractmethod
    def close(self) -> None:
        """Give the stream up; a direction that has not ended is broken. Idempotent."""


class Sandbox(ABC):
    """A running sandbox with a worker inside."""

    @property
    @abstractmethod
    def spec(self) -> SandboxSpec:
        """The specification it was started from."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Process id, as the host sees it, of the sandbox's outermost process."""

    @property
    @abstractmethod
    def home(self) -> str:
        """Home directory as seen inside; relative paths of the worker start there."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether calls can still be answered."""

    @abstractmethod
    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        payload: bytes = b"",
        timeout: float,
    ) -> WorkerReply:
        """Run one method of the worker and return its answer.

        Calls are concurrent: none waits for another. Cancelling the caller, or running out of
        `timeout`, ends the command behind the call.

        Args:
            method: Name of a worker method, such as ``shell`` or ``read_file``.
            params: Arguments of the method; JSON values.
            payload: Raw bytes for the methods that take some.
            timeout: Seconds until the call is given up, transfer included.

        Raises:
            WorkerError: The method failed, or took too long (code ``timeout``).
            SandboxDiedError: The sandbox ended before the answer was complete.
        """

    @abstractmethod
    async def freeze(self) -> None:
        """Return once no process of the sandbox runs; what they hold in memory stays.

        Calls in progress wait, and their time limits with them; `close` works as ever. When
        it fails, everything runs again.

        Raises:
            SandboxError: Some process does not stop, or the sandbox has ended.
        """

    @abstractmethod
    async def thaw(self) -> None:
        """Let everything run on after `freeze`.

        Raises:
            SandboxError: The sandbox has ended.
        """

    @abstractmethod
    async def usage(self) -> Usage:
        """Measure what the sandbox uses.

        Raises:
            SandboxDiedError: It has ended.
        """

    @abstractmethod
    async def open_stream(
        self, method: str, params: Mapping[str, Any], *, timeout: float
    ) -> Stream:
        """Open a stream to what *method* of the worker gives, such as ``connect``.

        Args:
            method: Name of a stream of the worker.
            params: Arguments of the method; JSON values.
            timeout: Seconds until it is given up.

        Raises:
            WorkerError: It failed, or took too long (code ``timeout``).
            SandboxDiedError: The sandbox ended.
        """

    async def connect(self, port: int, *, timeout: float) -> Stream:
        """Connect to a server inside that listens on *port* of the loopback interface.

        Raises:
            WorkerError: Nothing listens there (code ``refused``), or it took too long
                (code ``timeout``).
            SandboxDiedError: The sandbox ended.
        """
        return await self.open_stream("connect", {"port": port}, timeout=timeout)

    @abstractmethod
    async def wait_dead(self) -> None:
        """Return once the sandbox has ended, for whatever reason."""

    @abstractmethod
    async def close(self) -> None:
        """End every process of the sandbox, reap them and remove all its files.

        Idempotent, and completed even when the caller is cancelled while it waits.

        Raises:
            SandboxError: Something could not be removed within the deadline.
        """


class Isolation(ABC):
    """A way to make sandboxes."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name as given to ``--isolation``."""

    @abstractmethod
    def check(self) -> None:
        """Make sure that sandboxes can be made on this machine; blocks for some milliseconds.

        What runtimes that were killed left of theirs is removed.

        Raises:
            SandboxError: They cannot; the message names what is missing and how to get it.
        """

    @abstractmethod
    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Start one sandbox; its worker has answered when this returns.

        A start that fails or is cancelled leaves nothing behind.

        Raises:
            SandboxError: The sandbox could not be started.
        """
