"""One terminal of a session and those who watch it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import weakref
from collections import deque
from typing import TYPE_CHECKING

import anyio

from agentbay._wire.channel import PTY_SERVER, encode_bytes
from agentbay.local.channel.programs import number_of, object_in, taken_in
from agentbay.local.channel.registry import ChannelFailedError
from agentbay.local.sandbox.base import SandboxError
from agentbay.local.worker.packets import Packet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from agentbay.local.channel.connection import Connection
    from agentbay.local.channel.programs import ProgramStream
    from agentbay.local.session import Session

__all__ = ("Terminal",)

KEPT_BYTES = 256 * 1024
"""What a terminal that nobody watches keeps of its latest output."""
_PIECE_BYTES = 16 * 1024
MAX_INPUT_BYTES = 1024 * 1024
_BUFFER_BYTES = 64 * 1024
_MAX_SAID = 4096
# Some clients register a terminal only after they have handled the answer that names it, and
# drop what comes before.
_HOLD_SECONDS = 0.05


class Terminal:
    """A terminal lives with its session: watchers come and go, and may be many or none.

    While somebody watches, nothing is lost: a slow watcher slows the program down. While nobody
    does, the program goes on, and the latest output is kept for the next one, as it would be in
    a terminal multiplexer: a build must not stop because a connection was lost.
    """

    def __init__(self, identity: str, session: Session, program: ProgramStream) -> None:
        self.id = identity
        self._session = session
        self._program = program
        self._watchers: dict[Connection, tuple[float, contextlib.ExitStack]] = {}
        self._known: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._changed = asyncio.Event()  # set on every change; whoever waits looks again
        self._output: deque[bytes] = deque()
        self._size = 0
        self._end: dict[str, Any] | None = None
        self._complaint = ""
        self._said: deque[Callable[[], Awaitable[None]]] = deque()
        self._untaken = 0
        self._scope = anyio.CancelScope()

    @property
    def is_over(self) -> bool:
        """Whether its program has ended."""
        return self._end is not None

    async def run(self, forget: Callable[[Terminal], None]) -> None:
        """Serve it until its program has ended and somebody knows, or its session ends."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._end_with_session)
                    group.start_soon(self._pass_input)
                    group.start_soon(self._collect)
                    await self._deliver()
                    group.cancel_scope.cancel()
        finally:
            self._program.close()
            for connection in list(self._watchers):
                self.leave(connection)
            forget(self)

    def give_up(self) -> None:
        """Forget it; a program that has not ended is killed."""
        self._scope.cancel()

    async def _end_with_session(self) -> None:
        await self._session.ended.wait()
        self._scope.cancel()

    def watch(self, connection: Connection) -> None:
        """Have *connection* told what the terminal says, after what was kept for whoever comes."""
        if connection in self._watchers:
            return
        use = contextlib.ExitStack()
        use.enter_context(self._session.in_use())
        self._watchers[connection] = (anyio.current_time() + _HOLD_SECONDS, use)
        if connection not in self._known:
            self._known.add(connection)
            connection.on_close.append(lambda: self.leave(connection))
        self._changed.set()

    def leave(self, connection: Connection) -> None:
        """Tell *connection* no more."""
        found = self._watchers.pop(connection, None)
        if found is not None:
            found[1].close()
            self._changed.set()

    def write(self, data: bytes) -> None:
        """Pass *data* on as input, after what was said before; too much is told to the watchers."""
        if self._untaken + len(data) > MAX_INPUT_BYTES:
            self._complain()
        elif self._say(lambda: self._program.write(data)):
            self._untaken += len(data)

    def resize(self, columns: int, rows: int) -> None:
        """Set its size, after what was said before."""
        self._say(lambda: self._program.resize(columns, rows))

    async def kill(self) -> None:
        """Kill all its processes, whatever input still waits."""
        if not self.is_over:
            await self._program.send_signal(signal.SIGKILL)

    def _say(self, action: Callable[[], Awaitable[None]]) -> bool:
        if len(self._said) >= _MAX_SAID:
            self._complain()
            return False
        self._said.append(action)
        self._changed.set()
        return True

    def _complain(self) -> None:
        self._complaint = "Input was dropped: the program in the terminal does not read it"
        self._changed.set()

    async def _wait_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _pass_input(self) -> None:
        with contextlib.suppress(SandboxError):  # `_collect` finds out what has happened
            while True:
                while self._said:
                    await self._said.popleft()()
                await self._wait_change()

    async def _collect(self) -> None:
        """Take in what the program says; wait while watchers are slow."""
        try:
            while self._end is None:
                kind, payload = await self._program.receive()
                if kind is Packet.STDOUT:
                    await self._add(payload)
                elif kind is Packet.TAKEN:
                    self._untaken = max(self._untaken - taken_in(payload), 0)
                elif kind is Packet.EXIT:
                    exit_code = number_of(object_in(payload), "exit_code")
                    self._end = {"eventType": "pty.exit", "exitCode": exit_code}
        except (ChannelFailedError, SandboxError) as exc:
            self._end = {"eventType": "pty.error", "error": str(exc)}
        self._changed.set()

    async def _add(self, data: bytes) -> None:
        if self._output and len(self._output[-1]) + len(data) <= _PIECE_BYTES:
            self._output[-1] += data
        else:
            pieces = range(0, len(data), _PIECE_BYTES)
            self._output.extend(data[start : start + _PIECE_BYTES] for start in pieces)
        self._size += len(data)
        self._changed.set()
        while self._watchers and self._size > _BUFFER_BYTES:
            await self._wait_change()
        while self._size > KEPT_BYTES and self._output:
            self._size -= len(self._output.popleft())

    async def _deliver(self) -> None:
        """Tell the watchers everything in its order, the end last."""
        while True:
            while not (self._watchers and (self._output or self._end or self._complaint)):
                await self._wait_change()
            if self._complaint:
                event = {"eventType": "pty.error", "error": self._complaint}
                self._complaint = ""
                await self._tell(event)
            elif self._output:
                data = self._output.popleft()
                if await self._tell({"eventType": "pty.output", **encode_bytes(data)}):
                    self._size -= len(data)
                    self._changed.set()
                else:
                    self._output.appendleft(data)
            elif self._end is not None and await self._tell(self._end):
                return

    async def _tell(self, event: dict[str, Any]) -> bool:
        """Tell all watchers; return whether any of them was there to hear it."""
        heard = False
        for connection, (begin, _) in list(self._watchers.items()):
            await anyio.sleep_until(begin)
            try:
                await connection.push(PTY_SERVER, {"ptySessionId": self.id, **event})
                heard = True
            except ConnectionError:
                self.leave(connection)
        return heard
