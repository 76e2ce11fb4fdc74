"""The start of a background command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from agentbay._async.running_command import SIGKILL, AsyncRunningCommand
from agentbay._transport.finishing import finish, finish_or_undo
from agentbay._wire.channel import SHELL_SERVER
from agentbay._wire.codec import lenient_converter
from agentbay._wire.processes import ProcessMethod, StartCommand
from agentbay.errors import (
    AgentBayError,
    CommandError,
    ProtocolError,
    RemoteOperationError,
    RequestTimeoutError,
)

if TYPE_CHECKING:
    from agentbay._transport.channel import Channel
    from agentbay._transport.exchanges import ChannelStream

__all__ = ("not_offered", "start_process")

UNDO_SECONDS = 5.0


async def start_process(
    channel: Channel, command: StartCommand, timeout: float
) -> AsyncRunningCommand:
    """Start a command and return a handle on it; one that does not get that far is killed.

    Raises:
        CommandError: it could not be started, or the service offers no background commands.
        RequestTimeoutError: it had not started in time.
        TransportError: the connection failed.
    """
    params = lenient_converter.unstructure(command)
    data = {"method": ProcessMethod.START, "mode": "stream", "params": params}
    try:
        with anyio.fail_after(timeout):
            stream = await finish_or_undo(
                lambda: channel.open_stream(SHELL_SERVER, data), _kill, grace=UNDO_SECONDS
            )
            try:
                return await _started(stream)
            except BaseException:
                await finish(lambda: _kill(stream), grace=UNDO_SECONDS)
                raise
    except TimeoutError as exc:
        if isinstance(exc, AgentBayError):
            raise
        raise RequestTimeoutError(f"The command had not started after {timeout:g} s") from None


def not_offered(reason: object) -> CommandError:
    """Return the error for a service without background commands; nothing was started."""
    return CommandError(
        f"The service does not offer background commands: {reason}", code="not_offered"
    )


async def _started(stream: ChannelStream) -> AsyncRunningCommand:
    try:
        event = await stream.receive()
    except RemoteOperationError as exc:
        # Services that know the method say what is wrong with the command, in a code of ours.
        code = exc.extra.get("code")
        if not code or code == "unknown_method":
            raise not_offered(exc) from exc
        raise CommandError(str(exc), code=code) from exc
    except ProtocolError as exc:
        raise not_offered(exc) from exc
    pid, window = (event or {}).get("pid"), (event or {}).get("input_window")
    if not isinstance(pid, int) or not isinstance(window, int):
        raise not_offered("it answered a start with something else")
    return AsyncRunningCommand(pid, window)._attach(stream)


async def _kill(stream: ChannelStream) -> None:
    try:
        await stream.write({"method": ProcessMethod.SIGNAL, "params": {"signal": SIGKILL}})
    except AgentBayError:
        return  # with the connection, the command ends as well
    finally:
        stream.close()
