"""Commands that run in the background."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._transport.finishing import finish
from agentbay._wire.channel import decode_bytes, encode_bytes
from agentbay._wire.codec import lenient_converter, structure
from agentbay._wire.processes import OUTPUT_WINDOW, CommandEnd, ProcessMethod, cost
from agentbay.errors import (
    AgentBayError,
    CommandError,
    ProtocolError,
    RequestTimeoutError,
    TransportError,
    WsCancelledError,
)
from agentbay.models.command import CommandOutput, CommandResult

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from agentbay._transport.exchanges import ChannelStream

__all__ = ("AsyncRunningCommand",)

INPUT_BYTES = 32 * 1024
"""Most input in one frame."""
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Output that may be kept for whoever reads it later."""
CLOSE_SECONDS = 10.0
SIGKILL, SIGTERM = 9, 15
"""Of the session, which is not always what this machine has."""


class AsyncRunningCommand:
    """A command that runs in the background; the handle that ``start`` returns.

    Iterate over it to get its output as it comes. A command whose output nobody reads can write
    a certain amount and then has to wait. Closing the handle, or leaving its ``with`` block,
    kills a command that has not ended, with all processes of its group.

    Args:
        pid: Its process id in the session.
        input_window: How much input the service takes before it asks for more.
    """

    _stream: ChannelStream

    def __init__(self, pid: int, input_window: int) -> None:
        self._pid = pid
        self._input_credit = input_window
        self._output_owed = 0
        self._unread: deque[CommandOutput] = deque()
        self._unread_bytes = 0
        self._received = {"stdout": 0, "stderr": 0}
        self._end: CommandEnd | None = None
        self._failure: AgentBayError | None = None
        self._reading = anyio.Lock()
        self._writing = anyio.Lock()

    def _attach(self, stream: ChannelStream) -> Self:
        """Take over the exchange with the service, before anything else."""
        self._stream = stream
        return self

    def __repr__(self) -> str:
        state = "not ended" if self.exit_code is None else f"exit status {self.exit_code}"
        return f"<{type(self).__name__} {self.pid}, {state}>"

    @property
    def pid(self) -> int:
        """The process id in the session, that of the shell which runs the command."""
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """The exit status, once it is known: 128 plus the number for an end by a signal."""
        return None if self._end is None else self._end.exit_code

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CommandOutput:
        """Return the next piece of output.

        Raises:
            TransportError: the connection was lost, and with it the rest of the output.
            ProtocolError: not all of the output has arrived.
            RemoteOperationError: the service has lost the command.
            WsCancelledError: the handle was closed before the end.
        """
        while not self._unread:
            if self._failure is not None:
                raise self._failure
            if self._end is not None:
                raise StopAsyncIteration
            await self._read_more()
        piece = self._unread.popleft()
        self._unread_bytes -= len(piece.data)
        return piece

    async def write(self, data: bytes) -> None:
        """Send *data* to the command's standard input, as far as it is taken.

        What the command writes meanwhile is kept for whoever reads it, up to 64 MiB. Input that
        the command no longer reads is dropped, as its end is told otherwise.

        Args:
            data: The bytes.

        Raises:
            CommandError: the command has ended, or waits for its output to be read.
            TransportError: the connection was lost.
        """
        async with self._writing:
            for start in range(0, len(data), INPUT_BYTES):
                piece = data[start : start + INPUT_BYTES]
                while self._input_credit < len(piece) and self._end is None:
                    await self._read_for_later()
                self._check_running()
                self._input_credit -= len(piece)
                await self._say(ProcessMethod.INPUT, encode_bytes(piece))

    async def close_stdin(self) -> None:
        """End the command's standard input, after what was written.

        Raises:
            CommandError: the command has ended.
            TransportError: the connection was lost.
        """
        async with self._writing:
            self._check_running()
            await self._say(ProcessMethod.CLOSE_INPUT, {})

    async def send_signal(self, signal: int) -> None:
        """Send a signal to all processes of the command's group; not after its end.

        Args:
            signal: Its number.

        Raises:
            TransportError: the connection was lost.
        """
        if self._end is None and self._stream.end is None:
            await self._say(ProcessMethod.SIGNAL, {"signal": int(signal)})

    async def terminate(self) -> None:
        """Ask the command to end, by SIGTERM; it may ignore that.

        Raises:
            TransportError: the connection was lost.
        """
        await self.send_signal(SIGTERM)

    async def kill(self) -> None:
        """Kill the command, by SIGKILL.

        Raises:
            TransportError: the connection was lost.
        """
        await self.send_signal(SIGKILL)

    async def wait(self, timeout: float | None = None) -> int:
        """Wait until the command has ended; its output is kept for whoever reads it later.

        Processes that it has left in the background go on; what they write is dropped.

        Args:
            timeout: Seconds to wait; without limit by default.

        Returns:
            The exit status.

        Raises:
            TimeoutError: it has not ended in time; it goes on.
            CommandError: 64 MiB of output are there that nobody has read.
            TransportError: the connection was lost.
            ProtocolError: not all of the output has arrived.
            RemoteOperationError: the service has lost the command.
        """
        try:
            with anyio.fail_after(timeout):
                while self._end is None:
                    await self._read_for_later()
        except TimeoutError:
            raise RequestTimeoutError(f"The command had not ended after {timeout} s") from None
        return self._end.exit_code

    async def communicate(
        self, stdin: bytes | None = None, timeout: float | None = None
    ) -> CommandResult:
        """Send *stdin*, end the standard input, and wait for the end of the command.

        Args:
            stdin: What to send.
            timeout: Seconds to wait; without limit by default.

        Returns:
            The exit status, and the output that nobody has read before.

        Raises:
            TimeoutError: it has not ended in time; it goes on.
            CommandError: there are more than 64 MiB of output.
            TransportError: the connection was lost.
            ProtocolError: not all of the output has arrived.
            RemoteOperationError: the service has lost the command.
        """
        try:
            with anyio.fail_after(timeout):
                if self._end is None:
                    await self._feed(stdin or b"")
                exit_code = await self.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"The command had not ended after {timeout} s") from None
        return self._result(exit_code)

    async def _feed(self, data: bytes) -> None:
        try:
            await self.write(data)
            await self.close_stdin()
        except CommandError:
            if self._end is None:  # otherwise it had no use for the rest
                raise

    def _result(self, exit_code: int) -> CommandResult:
        texts = {
            name: b"".join(piece.data for piece in self._unread if piece.stream == name)
            for name in ("stdout", "stderr")
        }
        self._unread.clear()
        self._unread_bytes = 0
        stdout, stderr = (data.decode("utf-8", "replace") for data in texts.values())
        return CommandResult(
            request_id=self._stream.id,
            success=exit_code == 0,
            output=stdout + stderr,
            error_message="" if exit_code == 0 else stderr or f"exit status {exit_code}",
            exit_code=exit_code,
            stdout=stdout,
            stderr=stderr,
        )

    async def close(self) -> None:
        """Kill the command if it has not ended, and give the handle up. Idempotent.

        Raises:
            TimeoutError: it is not certain that the command was killed.
        """
        if self._end is not None or self._failure is not None:
            return
        try:
            await finish(self._kill_and_wait, grace=CLOSE_SECONDS)
        except TimeoutError:
            raise RequestTimeoutError(f"Command {self.pid} could not be killed") from None
        except AgentBayError:
            return  # the connection is lost: then the service kills it
        finally:
            self._stream.close()
            self._failure = WsCancelledError("The handle was closed")

    async def _kill_and_wait(self) -> None:
        with anyio.fail_after(CLOSE_SECONDS):
            await self.kill()
            while self._end is None:
                await self._read_more()
                self._unread.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_running(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._end is not None:
            raise CommandError(f"The command has ended with exit status {self._end.exit_code}")

    async def _say(self, method: str, params: dict[str, Any]) -> None:
        await self._stream.write({"method": method, "params": params})

    async def _read_for_later(self) -> None:
        if self._unread_bytes > MAX_UNREAD_BYTES:
            raise CommandError(
                f"The command waits for its output to be read: {self._unread_bytes} bytes of it "
                "are here. Iterate over it."
            )
        await self._read_more()

    async def _read_more(self) -> None:
        """Take in one event, unless another task has taken one in meanwhile."""
        if self._failure is not None:
            raise self._failure
        before = len(self._unread)
        async with self._reading:
            if len(self._unread) > before or self._end is not None:
                return
            try:
                await self._take()
            except AgentBayError as exc:
                self._failure = exc
                self._stream.close()
                raise

    async def _take(self) -> None:
        event = await self._stream.receive()
        if event is None:
            self._end = self._checked_end(self._stream.end or {})
        elif event.get("eventType") == ProcessMethod.OUTPUT:
            name, data = event.get("stream"), decode_bytes(event)
            if name != "stdout" and name != "stderr":  # noqa: PLR1714 - mypy understands this
                raise ProtocolError(f"Output of a command has the stream {name!r:.100}")
            self._received[name] += len(data)
            self._unread.append(CommandOutput(name, data))
            self._unread_bytes += len(data)
            await self._give_credit(cost(data))
        elif event.get("eventType") == ProcessMethod.CREDIT:
            count = event.get("bytes")
            self._input_credit += count if isinstance(count, int) else 0

    async def _give_credit(self, amount: int) -> None:
        self._output_owed += amount
        if self._output_owed < OUTPUT_WINDOW // 2 or self._stream.end is not None:
            return
        try:
            await self._say(ProcessMethod.CREDIT, {"bytes": self._output_owed})
            self._output_owed = 0
        except TransportError:
            return  # what has arrived counts all the same; the next look tells of the loss

    def _checked_end(self, fields: dict[str, Any]) -> CommandEnd:
        """Read the end: it counts only if everything before it has arrived."""
        end: CommandEnd = structure(lenient_converter, fields, CommandEnd, "The command's end")
        arrived = (self._received["stdout"], self._received["stderr"])
        if arrived != (end.stdout_bytes, end.stderr_bytes):
            raise ProtocolError(
                f"Output of the command is missing: {sum(arrived)} of "
                f"{end.stdout_bytes + end.stderr_bytes} bytes have arrived"
            )
        return end
