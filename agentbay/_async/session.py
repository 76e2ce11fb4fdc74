"""One session: its calls, its states and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class

from agentbay._async import _session_calls as calls
from agentbay._async import _transitions as transitions
from agentbay._async._markers import awaitable_twin
from agentbay._async._session_facts import SessionFacts
from agentbay._async._session_modules import SessionModules
from agentbay._transport.finishing import finish
from agentbay._transport.tools import ToolCall
from agentbay._wire.tools.system import GetMetrics
from agentbay.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay._async._transitions import ResultT, Transition
    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._transport.channel import Channel
    from agentbay._transport.rpc import Rpc
    from agentbay.models.metrics import SessionMetricsResult
    from agentbay.models.results import OperationResult
    from agentbay.models.session import (
        DeleteResult,
        McpToolResult,
        McpToolsResult,
        SessionInfo,
        SessionStatusResult,
    )
    from agentbay.models.session_state import SessionPauseResult, SessionResumeResult

__all__ = ("AsyncSession",)

DEFAULT_IMAGE = "linux_latest"
RECORDING_PATH = "/home/wuying/record"

DELETE_GRACE_SECONDS = 30.0
"""How long the request to end a session may take when its caller was cancelled."""


class AsyncSession(SessionFacts, SessionModules):
    """A machine in the cloud, or a sandbox on this one.

    Instances come from ``create``, ``get`` and ``session``. Reading a property never does I/O.

    Args:
        agent_bay: The client.
        session_id: The session's id.
    """

    def __init__(self, agent_bay: AsyncAgentBay, session_id: str) -> None:
        SessionFacts.__init__(self, session_id)
        SessionModules.__init__(self)
        self._agent_bay = agent_bay

    @property
    def _rpc(self) -> Rpc:
        return self._agent_bay._rpc

    def _channel(self) -> Channel:
        """Return the session's WebSocket on this loop; it is opened by its first use.

        Raises:
            SessionError: the session has none.
        """
        if not self.ws_url:
            raise SessionError("ws_url is not available for this session")
        if not self.token:
            raise SessionError("token is not available for WS connection")
        self._agent_bay._ownership.keep_renewing()
        return self._agent_bay._channels.channel(self.session_id, self.ws_url, self.token)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session_id}>"

    @property
    def agent_bay(self) -> AsyncAgentBay:
        """The client that made this session."""
        return self._agent_bay

    async def set_labels(self, labels: dict[str, str]) -> OperationResult[None]:
        """Replace all labels of the session.

        Those by which its owner is known, where the client has one, stay.

        Args:
            labels: Names and values, at least one, none of them blank.

        Returns:
            Whether they were set, or what is wrong with them.

        Raises:
            SessionError: the service could not be asked.
        """
        return await self._agent_bay._ownership.set_labels(self.session_id, labels)

    async def get_labels(self) -> OperationResult[dict[str, str]]:
        """Ask for the labels of the session.

        Raises:
            SessionError: the service could not be asked.
        """
        return await calls.get_labels(self._rpc, self.session_id)

    async def info(self) -> OperationResult[SessionInfo]:
        """Ask how the session's desktop can be viewed.

        Returns:
            The description; a failed result when the session is gone.

        Raises:
            SessionError: the service could not be asked.
        """
        return await calls.info(self._rpc, self.session_id)

    async def get_link(
        self,
        protocol_type: str | None = None,
        port: int | None = None,
        options: str | None = None,
    ) -> OperationResult[str]:
        """Ask for a URL by which something inside the session can be reached.

        The URL lets in whoever has it.

        Args:
            protocol_type: ``https`` or ``wss``; the service chooses when ``None``.
            port: Port on which a program in the session listens, from 30100 to 30199.
            options: Further options as JSON text, passed on as they are.

        Raises:
            SessionError: the port is out of range, or the service could not be asked.
        """
        return await calls.get_link(
            self._rpc,
            self.session_id,
            protocol_type,
            port,
            options,
            doing="Failed to get link",
        )

    @awaitable_twin
    async def get_link_async(
        self,
        protocol_type: str | None = None,
        port: int | None = None,
        options: str | None = None,
    ) -> OperationResult[str]:
        """Do the same as ``get_link``, awaitable from any event loop.

        Raises:
            SessionError: the port is out of range, or the service could not be asked.
        """
        return await calls.get_link(
            self._rpc,
            self.session_id,
            protocol_type,
            port,
            options,
            doing="Failed to get link asynchronously",
        )

    async def get_status(self) -> SessionStatusResult:
        """Ask for the session's state, also when it has ended.

        Returns:
            The state: a :class:`SessionStatus` value, or ``FINISH`` for an ended session. A
            session that the service has forgotten gives a failed result with the code
            ``InvalidMcpSession.NotFound``.
        """
        return await calls.get_status(self._rpc, self.session_id)

    async def keep_alive(self) -> OperationResult[None]:
        """Restart the idle timer, as if the session had just been used.

        Failures are results, never raised.
        """
        return await calls.keep_alive(self._rpc, self.session_id)

    async def get_metrics(
        self, read_timeout: float | None = None, connect_timeout: float | None = None
    ) -> SessionMetricsResult:
        """Measure what the session uses of its machine.

        Failures are results, never raised.

        Args:
            read_timeout: Seconds to wait for the answer.
            connect_timeout: Seconds to wait for a connection.
        """
        answer = await self.call_mcp_tool(GetMetrics.tool_name, {}, read_timeout, connect_timeout)
        return calls.metrics(answer)

    async def pause(self, timeout: float = 600, poll_interval: float = 2.0) -> SessionPauseResult:
        """Freeze the session and wait until it is ``PAUSED``.

        Its files, memory and processes stay; tools are refused until it is resumed. Pausing a
        paused session succeeds. Failures are results, never raised.

        Args:
            timeout: Seconds to wait. When they are over, the session may still become paused.
            poll_interval: Longest time between two looks at the state, in seconds.
        """
        return await self._change(transitions.PAUSE, timeout, poll_interval)

    async def resume(self, timeout: float = 600, poll_interval: float = 2.0) -> SessionResumeResult:
        """Wake a paused session and wait until it is ``RUNNING``.

        Resuming a running session succeeds. Failures are results, never raised.

        Args:
            timeout: Seconds to wait. When they are over, the session may still wake up.
            poll_interval: Longest time between two looks at the state, in seconds.
        """
        return await self._change(transitions.RESUME, timeout, poll_interval)

    @awaitable_twin
    async def pause_async(
        self, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionPauseResult:
        """Do the same as ``pause``, awaitable from any event loop."""
        return await self.pause(timeout, poll_interval)

    @awaitable_twin
    async def resume_async(
        self, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionResumeResult:
        """Do the same as ``resume``, awaitable from any event loop."""
        return await self.resume(timeout, poll_interval)

    async def beta_pause(
        self, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionPauseResult:
        """Do the same as ``pause``, with the messages of later releases."""
        return await self._change(transitions.BETA_PAUSE, timeout, poll_interval)

    async def beta_resume(
        self, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionResumeResult:
        """Do the same as ``resume``, with the messages of later releases."""
        return await self._change(transitions.BETA_RESUME, timeout, poll_interval)

    async def _change(
        self, transition: Transition[ResultT], timeout: float, poll_interval: float
    ) -> ResultT:
        return await transitions.change_state(
            self._rpc,
            self.session_id,
            transition,
            lambda: self._agent_bay.get_session(self.session_id),
            timeout=timeout,
            poll_interval=poll_interval,
        )

    async def delete(
        self, sync_context: bool = False, *, poll_interval: float = 2.0
    ) -> DeleteResult:
        """End the session and wait until it is gone.

        Deleting a session that is already gone succeeds. A recording of the browser is
        uploaded in any case. Uploads that fail are logged, and do not keep the session from
        being deleted. Neither does a cancellation: the service is still asked to end the
        session, for up to 30 seconds; only the uploads and the end are no longer waited for.

        Args:
            sync_context: Upload all contexts of the session first, and wait for that.
            poll_interval: Longest time between two looks at the uploads, in seconds; there are
                150 at most.

        Returns:
            Whether it is gone; failures of the service or the network are results.
        """
        try:
            await self._upload_before_delete(sync_context, poll_interval)
        except get_cancelled_exc_class():
            await finish(self._begin_delete, grace=DELETE_GRACE_SECONDS)
            raise
        begun, is_over = await finish(self._begin_delete, grace=DELETE_GRACE_SECONDS)
        if is_over:
            return begun
        return await transitions.wait_deleted(begun, self.session_id, self.get_status)

    async def _upload_before_delete(self, sync_context: bool, poll_interval: float) -> None:
        # A session that has a context for recordings was created to be recorded.
        recording = None if self._enable_browser_replay is False else self.record_context_id
        if sync_context:
            await self.context._upload_before_delete(poll_interval=poll_interval)
        elif recording:
            await self.context._upload_before_delete(
                recording, RECORDING_PATH, poll_interval=poll_interval
            )

    async def _begin_delete(self) -> tuple[DeleteResult, bool]:
        begun, is_over = await transitions.begin_delete(self._rpc, self.session_id)
        if begun.success:
            self._agent_bay._ownership.forget(self.session_id)
            await self._agent_bay._channels.close_session(self.session_id)
        return begun, is_over

    async def list_mcp_tools(self, image_id: str | None = None) -> McpToolsResult:
        """List the tools of an image, and remember them as :attr:`mcp_tools`.

        Args:
            image_id: The image; the session's own by default.

        Raises:
            SessionError: the service could not be asked, or its answer cannot be read.
        """
        result = await calls.list_mcp_tools(self._rpc, image_id or self._image_id or DEFAULT_IMAGE)
        if result.success:
            self._tools[:] = result.tools
        return result

    async def call_mcp_tool(
        self,
        tool_name: str,
        args: Mapping[str, Any],
        read_timeout: float | None = None,
        connect_timeout: float | None = None,
        auto_gen_session: bool = False,
    ) -> McpToolResult:
        """Call a tool of the session.

        Goes straight to the session where it offers that, else through the API. Failures of
        the tool, the service or the network are results, never raised. Names of keys for
        ``press_keys`` may be in any usual spelling.

        Args:
            tool_name: The tool, one of :attr:`mcp_tools`.
            args: Its arguments; anything that JSON can say.
            read_timeout: Seconds to wait for the answer; 900 on the direct way, 30 inside a
                VPC, else the client's timeout.
            connect_timeout: Seconds to wait for a connection; the client's timeout by default.
            auto_gen_session: Let the service create the session if it is gone.

        Returns:
            The tool's readable output, or why it failed.
        """
        self._agent_bay._ownership.keep_renewing()
        server = next((tool.server for tool in self._tools if tool.name == tool_name), "")
        return await self._agent_bay._tools.call(
            ToolCall(
                session_id=self.session_id,
                name=tool_name,
                args=args,
                server=server,
                link_url=self.link_url,
                token=self.token,
                is_vpc=self.is_vpc,
                vpc_host=self.network_interface_ip,
                vpc_port=self.http_port,
                read_timeout=read_timeout,
                connect_timeout=connect_timeout,
                auto_gen_session=auto_gen_session,
            )
        )
