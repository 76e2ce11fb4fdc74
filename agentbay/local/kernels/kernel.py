"""One kernel of a session, and the executions on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import anyio
from attrs import field, frozen

from agentbay._wire.tools.code import CODE_STOPS
from agentbay.local.sandbox.base import SandboxDiedError, SandboxError
from agentbay.local.worker.kernels.messages import Decoder, MessageError, encode

if TYPE_CHECKING:
    from agentbay.local.kernels.packages import Packages
    from agentbay.local.sandbox.base import Sandbox, Stream

__all__ = ("Ended", "Event", "Failed", "Kernel", "KernelFailedError", "Kernels", "Shown", "Wrote")

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_NEED_PACKAGES = frozenset({"python", "r"})
_FRESH = (
    "This is a new kernel: the one before has ended, and variables of earlier executions "
    "are gone.\n"
)


class KernelFailedError(Exception):
    """The code was not run, or what became of it is not known."""


@frozen
class Wrote:
    """A piece of output."""

    stream: Literal["stdout", "stderr"]
    chunk: str = field(repr=False)


@frozen
class Shown:
    """Something displayed.

    Attributes:
        mime: Its forms by MIME type.
        is_main: Whether it is the value of the last expression.
        display_id: What it replaces: an earlier one with the same id.
    """

    mime: dict[str, Any] = field(repr=False)
    is_main: bool
    display_id: str | None = None


@frozen
class Failed:
    """An exception of the code."""

    name: str
    value: str
    traceback: str


@frozen
class Ended:
    """The end of an execution.

    Attributes:
        count: The number that the kernel gave to it.
        seconds: How long it took.
        stopped: What ended it, if it did not end by itself.
        reason: Why the kernel ended with it; empty if the kernel goes on.
    """

    count: int | None
    seconds: float
    stopped: str
    reason: str


Event = Wrote | Shown | Failed
Take = Callable[[Event], Awaitable[None]]


class Kernels:
    """The kernels of one session; each is started by the first execution in its language."""

    def __init__(self, sandbox: Sandbox, packages: Packages) -> None:
        self._sandbox = sandbox
        self._packages = packages
        self._kernels: dict[str, Kernel] = {}

    def of(self, language: str) -> Kernel:
        """Return the kernel of a language."""
        if language not in self._kernels:
            self._kernels[language] = Kernel(self._sandbox, language, self._packages)
        return self._kernels[language]


class Kernel:
    """A kernel that is started when it is needed, and again after its end."""

    def __init__(self, sandbox: Sandbox, language: str, packages: Packages) -> None:
        self._sandbox = sandbox
        self._language = language
        self._packages = packages
        self._turn = anyio.Lock()
        self._host: _Host | None = None
        self._lost = False

    async def execute(self, code: str, take: Take, *, seconds: float, output_bytes: int) -> Ended:
        """Run *code*; when this is given up before the end, the code is interrupted.

        Executions have their turns in the order of their arrival.

        Args:
            code: What to run.
            take: Gets each event, one after the other.
            seconds: Its time limit; also how long it may have to wait for its turn.
            output_bytes: Limit of all that it writes and shows together.

        Raises:
            KernelFailedError: The kernel did not start or was lost, or was busy for too long.
        """
        await self._take_turn(seconds)
        try:
            host = await self._living_host()
            if self._lost:
                self._lost = False
                await take(Wrote("stderr", _FRESH))
            try:
                return await host.run(code, take, seconds, output_bytes)
            finally:
                await self._settle(host)
        finally:
            self._turn.release()

    async def _take_turn(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._turn.acquire()
            return
        raise KernelFailedError(
            f"[timeout] The {self._language} kernel was busy with other executions for "
            f"{seconds:g} s; this one was not started"
        )

    async def _living_host(self) -> _Host:
        if self._host is not None and await self._host.is_alive():
            return self._host
        self._give_up()
        if self._language in _NEED_PACKAGES:
            await self._packages.fill()
        self._host = await _Host.start(self._sandbox, self._language)
        return self._host

    def _give_up(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None
            self._lost = True

    async def _settle(self, host: _Host) -> None:
        """Make sure that nothing runs any more; a host that does not get there is given up."""
        if host.running:
            with anyio.move_on_after(_STOP_SECONDS, shield=True):
                await host.interrupt()
        if host.running or host.over:
            self._give_up()


class _Host:
    """The runtime's side of a kernel host."""

    def __init__(self, stream: Stream, language: str) -> None:
        self._stream = stream
        self._language = language
        self._decoder = Decoder()
        self._inbox: list[dict[str, Any]] = []
        self._number = 0
        self.running = False
        self.over = False

    @classmethod
    async def start(cls, sandbox: Sandbox, language: str) -> _Host:
        """Start a host and wait for its kernel.

        Raises:
            KernelFailedError: One of them did not start.
        """
        try:
            stream = await sandbox.open_stream(
                "kernel", {"language": language}, timeout=_START_SECONDS
            )
        except SandboxError as exc:
            raise KernelFailedError(f"The {language} kernel did not start: {exc}") from exc
        host = cls(stream, language)
        try:
            with anyio.fail_after(_START_SECONDS):
                first = await host._next()
        except TimeoutError:
            host.close()
            raise KernelFailedError(
                f"The {language} kernel was not ready in {_START_SECONDS:g} s"
            ) from None
        except BaseException:
            host.close()
            raise
        if first.get("type") != "ready":
            host.close()
            raise KernelFailedError(str(first.get("reason")))
        return host

    async def is_alive(self) -> bool:
        """Return whether it has not said that it has ended, as far as that has arrived."""
        try:
            with anyio.move_on_after(0):
                await self._receive()
        except KernelFailedError:
            return False
        return not self.over

    async def run(self, code: str, take: Take, seconds: float, output_bytes: int) -> Ended:
        """Run *code* and pass its events on."""
        self._number += 1
        self.running = True
        message = {
            "type": "run",
            "number": self._number,
            "code": code,
            "timeout": seconds,
            "output_bytes": output_bytes,
        }
        await self._send(message)
        while (message := await self._next()).get("type") != "end":
            if (event := _event(message)) is not None:
                await take(event)
        return self._end(message)

    async def interrupt(self) -> None:
        """Interrupt the execution and wait for its end."""
        try:
            await self._send({"type": "interrupt", "number": self._number})
            while (message := await self._next()).get("type") != "end":
                pass
        except KernelFailedError:
            return
        self._end(message)

    def _end(self, message: dict[str, Any]) -> Ended:
        self.running = False
        reason = message.get("reason")
        self.over = bool(reason)
        count, seconds, stopped = (message.get(key) for key in ("count", "seconds", "stopped"))
        return Ended(
            count if isinstance(count, int) else None,
            seconds if isinstance(seconds, float) else 0.0,
            stopped if isinstance(stopped, str) and stopped in {"", *CODE_STOPS} else "died",
            str(reason or ""),
        )

    def close(self) -> None:
        """End the host, and its kernel."""
        self._stream.close()

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._stream.send(encode(message))
        except SandboxError as exc:
            raise self._lost(exc) from exc

    async def _next(self) -> dict[str, Any]:
        """Return the next message of the present execution, or the first of all."""
        while True:
            while self._inbox:
                message = self._inbox.pop(0)
                if message.get("number", 0) == self._number:
                    return message
            if self.over:
                raise self._lost(None)
            await self._receive()

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive()
            self.over = not data
            self._inbox += self._decoder.feed(data)
        except (SandboxError, MessageError) as exc:
            raise self._lost(exc) from exc

    def _lost(self, cause: Exception | None) -> KernelFailedError:
        self.over = True
        if isinstance(cause, SandboxDiedError):
            return KernelFailedError("The session ended before the tool had finished")
        reason = f": {cause}" if cause is not None else ""
        return KernelFailedError(
            f"The {self._language} kernel was lost{reason}; its variables are gone, the next "
            "execution starts a new one"
        )


def _event(message: dict[str, Any]) -> Event | None:
    """Return what the host says; the sandbox is the user's, so nothing in it is relied on."""
    kind = message.get("type")
    if kind in ("stdout", "stderr"):
        return Wrote(kind, str(message.get("chunk", "")))
    if kind == "result":
        mime, display_id = message.get("mime"), message.get("id")
        return Shown(
            mime if isinstance(mime, dict) else {},
            message.get("is_main") is True,
            display_id if isinstance(display_id, str) else None,
        )
    if kind == "error":
        return Failed(*(str(message.get(key, "")) for key in ("name", "value", "traceback")))
    return None
