"""Terminals in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from agentbay._async._terminal import Terminal
from agentbay._transport.finishing import finish_or_undo
from agentbay._wire.channel import PTY_SERVER
from agentbay.errors import PtyError, PtyNotConnectedError, RequestTimeoutError
from agentbay.models.pty import PtySession

if TYPE_CHECKING:
    import builtins
    from collections.abc import Awaitable, Callable

    from agentbay._async.session import AsyncSession

__all__ = ("AsyncPty", "AsyncPtyHandle")

DEFAULT_VARIABLES = {"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
LARGEST_SIZE = 500
# How long a cancelled create waits for the answer that names the terminal to kill.
UNDO_GRACE_SECONDS = 5.0


class AsyncPty:
    """Opens and finds terminals of one session.

    They live with the session: a connection that ends, or a client that goes, does not end them.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._terminals: dict[str, Terminal] = {}

    async def create(
        self,
        cols: int = 80,
        rows: int = 24,
        cwd: str | None = None,
        envs: dict[str, str] | None = None,
        shell: str | None = None,
        on_data: Callable[[bytes], Awaitable[None] | None] | None = None,
        timeout_s: float | None = None,
    ) -> AsyncPtyHandle:
        """Open a terminal with a shell in it.

        Args:
            cols: Its width in characters, from 1 to 500.
            rows: Its height, likewise.
            cwd: Where the shell starts; the session's home by default.
            envs: Variables for the shell, on top of ``TERM`` and ``LANG``.
            shell: The program to run; the service's choice by default.
            on_data: Called with each piece of output, one after the other; may be a coroutine
                function. While it lags far behind, the program in the terminal has to wait, and
                so do the other streams of the session.
            timeout_s: Seconds to wait for the terminal; 30 by default.

        Raises:
            PtyError: the size is impossible, or the service's answer is.
            SessionError: the session has no WebSocket.
            RemoteOperationError: the service refused.
            TimeoutError: the service did not answer in time.
            TransportError: the connection failed.
        """
        _check_size(cols, rows)
        params: dict[str, Any] = {
            "cols": cols,
            "rows": rows,
            "envs": {**DEFAULT_VARIABLES, **(envs or {})},
        }
        if cwd is not None:
            params["cwd"] = cwd
        if shell is not None:
            params["shell"] = shell
        channel = self._session._channel()
        handle = AsyncPtyHandle(self._session, on_data)
        terminal = handle._terminal

        def register(reply: dict[str, Any]) -> None:
            result = _result(reply)
            identity = result.get("ptySessionId")
            if isinstance(identity, str) and identity:
                terminal.register(identity)
                terminal.note_reply(result)

        data = {"method": "pty.create", "params": params}
        reply = await finish_or_undo(
            lambda: channel.call(PTY_SERVER, data, timeout=timeout_s, on_reply=register),
            lambda _: terminal.kill(),
            grace=UNDO_GRACE_SECONDS,
        )
        if not terminal.id:
            raise PtyError(f"pty.create did not return ptySessionId: {reply}")
        return self._keep(handle)

    async def list(self) -> builtins.list[PtySession]:
        """List the terminals of the session.

        Raises:
            RemoteOperationError: the service refused.
            TimeoutError: the service did not answer in time.
            TransportError: the connection failed.
        """
        reply = await self._session._channel().call(
            PTY_SERVER, {"method": "pty.list", "params": {}}
        )
        return [
            self._described(identity)
            for identity in _result(reply).get("ptySessionIds") or ()
            if isinstance(identity, str)
        ]

    def _described(self, identity: str) -> PtySession:
        known = self._terminals.get(identity)
        exit_code = known.exit_code if known is not None else None
        status = "running" if exit_code is None else "exited"
        return PtySession(identity, 0, 0, status, exit_code)

    async def connect(
        self,
        pty_session_id: str,
        on_data: Callable[[bytes], Awaitable[None] | None] | None = None,
    ) -> AsyncPtyHandle:
        """Return a handle on a terminal that runs already; an earlier handle is disconnected.

        The embedded runtime keeps the latest 256 KiB that a terminal writes while nobody is
        connected, and sends that first. Other services need not.

        Args:
            pty_session_id: Its id.
            on_data: Called with each piece of output, as in ``create``.

        Raises:
            RemoteOperationError: there is no such terminal.
            TimeoutError: the service did not answer in time.
            TransportError: the connection failed.
        """
        channel = self._session._channel()
        earlier = self._terminals.pop(pty_session_id, None)
        if earlier is not None:
            earlier.abandon()
        handle = AsyncPtyHandle(self._session, on_data)
        terminal = handle._terminal
        terminal.register(pty_session_id)
        data = {"method": "pty.connect", "params": {"ptySessionId": pty_session_id}}
        try:
            reply = await channel.call(PTY_SERVER, data)
        except BaseException:
            terminal.disconnect()
            raise
        terminal.note_reply(_result(reply))
        return self._keep(handle)

    def _keep(self, handle: AsyncPtyHandle) -> AsyncPtyHandle:
        for identity in [key for key, known in self._terminals.items() if known.over.is_set()]:
            del self._terminals[identity]
        self._terminals[handle.pty_session_id] = handle._terminal
        return handle

    async def kill(self, pty_session_id: str) -> None:
        """Kill all processes of a terminal; a handle on it is disconnected.

        Args:
            pty_session_id: Its id.

        Raises:
            RemoteOperationError: there is no such terminal.
            TimeoutError: the service did not answer in time.
            TransportError: the connection failed.
        """
        data = {"method": "pty.kill", "params": {"ptySessionId": pty_session_id}}
        await self._session._channel().call(PTY_SERVER, data)
        known = self._terminals.pop(pty_session_id, None)
        if known is not None:
            known.disconnect()


class AsyncPtyHandle:
    """A terminal to which this process is connected.

    Handles come from ``create`` and ``connect``. When the connection is lost, a handle is of no
    more use; ``connect`` gives another one, for the terminal lives on.

    Args:
        session: The session.
        on_data: Takes the output; without it, output is dropped.
    """

    def __init__(
        self,
        session: AsyncSession,
        on_data: Callable[[bytes], Awaitable[None] | None] | None = None,
    ) -> None:
        self._terminal = Terminal(session._channel(), on_data)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pty_session_id}>"

    @property
    def pty_session_id(self) -> str:
        """The terminal's id."""
        return self._terminal.id

    @property
    def is_connected(self) -> bool:
        """Whether output arrives here."""
        return self._terminal.connected

    @property
    def exit_code(self) -> int | None:
        """The exit status of the terminal's program; ``None`` while it runs."""
        return self._terminal.exit_code

    async def send_input(self, data: bytes) -> None:
        """Type *data*, any bytes; control characters have their usual effect.

        Args:
            data: The bytes.

        Raises:
            PtyNotConnectedError: the handle is not connected.
            TransportError: the connection failed.
        """
        await self._terminal.send_input(data)

    async def resize(self, cols: int, rows: int) -> None:
        """Change the size of the terminal; its program is told.

        Args:
            cols: Its width in characters, from 1 to 500.
            rows: Its height, likewise.

        Raises:
            PtyError: the size is impossible.
            PtyNotConnectedError: the handle is not connected.
            TransportError: the connection failed.
        """
        _check_size(cols, rows)
        await self._terminal.resize(cols, rows)

    async def kill(self) -> None:
        """Kill all processes of the terminal; the handle stays connected until they have ended.

        Raises:
            PtyNotConnectedError: the handle is not connected.
            RemoteOperationError: the service refused.
            TimeoutError: the service did not answer in time.
            TransportError: the connection failed.
        """
        await self._terminal.kill()

    async def wait(self, timeout_s: float | None = None) -> int:
        """Wait until the terminal's program has ended and its output was handed over.

        Args:
            timeout_s: Seconds to wait; without limit by default.

        Returns:
            The exit status.

        Raises:
            TimeoutError: it has not ended in time.
            PtyError: the terminal failed.
            PtyNotConnectedError: the handle was disconnected before the end.
            TransportError: the connection was lost before the end.
        """
        try:
            with anyio.fail_after(timeout_s):
                await self._terminal.over.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"PTY wait timed out after {timeout_s}s") from None
        if self._terminal.error is not None:
            raise self._terminal.error
        if self._terminal.exit_code is None:
            raise PtyNotConnectedError
        return self._terminal.exit_code

    def disconnect(self) -> None:
        """Listen no more; the terminal and its program go on. Disconnecting again does nothing."""
        self._terminal.disconnect()


def _check_size(cols: int, rows: int) -> None:
    if not (1 <= cols <= LARGEST_SIZE and 1 <= rows <= LARGEST_SIZE):
        raise PtyError(f"Invalid terminal size: cols={cols}, rows={rows} (must be 1-500)")


def _result(reply: dict[str, Any]) -> dict[str, Any]:
    result = reply.get("result")
    return result if isinstance(result, dict) else {}
