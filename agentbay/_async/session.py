"""One session: its facts, its tools, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._async._lifetime import poll
from agentbay._async.command import AsyncCommand
from agentbay._async.filesystem import AsyncFileSystem
from agentbay._transport.tools import ToolCall
from agentbay._wire.actions import (
    CreatedSession,
    DeleteSessionAsync,
    GetMcpResource,
    GetSessionDetail,
    ListMcpTools,
    SessionData,
    ToolListing,
)
from agentbay._wire.envelope import Code
from agentbay.errors import AgentBayError, NotFoundError, ServiceError, SessionError
from agentbay.models.results import OperationResult
from agentbay.models.session import (
    DeleteResult,
    McpTool,
    McpToolResult,
    McpToolsResult,
    SessionInfo,
    SessionStatusResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay._async.agentbay import AsyncAgentBay

__all__ = ("AsyncSession",)

DEFAULT_IMAGE = "linux_latest"

# Services answer the first status query while the deletion is under way; the embedded runtime
# needs milliseconds, a cloud seconds.
DELETE_TIMEOUT = 300.0
DELETE_FIRST_PAUSE = 0.02
DELETE_MAX_PAUSE = 1.0


class AsyncSession:
    """A machine in the cloud, or a sandbox on this one.

    Instances come from ``create``, ``get`` and ``session``. Reading a property never does I/O.

    Args:
        agent_bay: The client.
        session_id: The session's id.
    """

    def __init__(self, agent_bay: AsyncAgentBay, session_id: str) -> None:
        self._agent_bay = agent_bay
        self._facts: CreatedSession | SessionData = SessionData(session_id=session_id)
        self._image_id = ""
        self._tools: list[McpTool] = []
        self._command = AsyncCommand(self)
        self._file_system = AsyncFileSystem(self)

    def _learn(self, facts: CreatedSession | SessionData, image_id: str = "") -> None:
        self._facts = facts
        self._image_id = image_id
        self._tools[:] = mcp_tools(facts.tool_list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session_id}>"

    @property
    def agent_bay(self) -> AsyncAgentBay:
        """The client that made this session."""
        return self._agent_bay

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._facts.session_id

    @property
    def command(self) -> AsyncCommand:
        """Runs commands."""
        return self._command

    @property
    def file_system(self) -> AsyncFileSystem:
        """Reads and writes files."""
        return self._file_system

    @property
    def fs(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def filesystem(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def files(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def image_id(self) -> str:
        """The image that was asked for; empty when the service chose."""
        return self._image_id

    @property
    def app_instance_id(self) -> str:
        """Id of the instance that runs the session."""
        return self._facts.app_instance_id

    @property
    def resource_url(self) -> str:
        """Where the session can be viewed; a secret, since it authorises whoever has it."""
        return self._facts.resource_url

    @property
    def token(self) -> str:
        """What authorises direct calls to the session; a secret."""
        return self._facts.token

    @property
    def link_url(self) -> str:
        """Base URL of direct tool calls; empty when the session offers none."""
        return self._facts.link_url

    @property
    def ws_url(self) -> str:
        """URL of the session's WebSocket; empty when it has none."""
        return self._facts.ws_url

    @property
    def mcp_tools(self) -> list[McpTool]:
        """The tools that the session announced, or the last ``list_mcp_tools`` found."""
        return self._tools

    async def info(self) -> OperationResult[SessionInfo]:
        """Ask how the session's desktop can be viewed.

        Returns:
            The description; a failed result when the session is gone.

        Raises:
            SessionError: the service could not be asked.
        """
        try:
            reply = await self._agent_bay._rpc.call(GetMcpResource(session_id=self.session_id))
        except NotFoundError as exc:
            return OperationResult.failure(f"Session {self.session_id} not found", exc)
        except AgentBayError as exc:
            raise SessionError(
                f"Failed to get session info for session {self.session_id}: {exc}"
            ) from exc
        if reply.refusal is not None:
            return OperationResult.failure(
                refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
            )
        found = reply.data
        if found is None:
            return OperationResult(reply.request_id, True, SessionInfo(self.session_id))
        desktop = found.desktop_info
        return OperationResult(
            reply.request_id,
            True,
            SessionInfo(
                found.session_id,
                found.resource_url,
                desktop.app_id,
                desktop.auth_code,
                desktop.connection_properties,
                desktop.resource_id,
                desktop.resource_type,
                desktop.ticket,
            ),
        )

    async def get_status(self) -> SessionStatusResult:
        """Ask for the session's state, also when it has ended.

        Returns:
            The state: a :class:`SessionStatus` value, or ``FINISH`` for an ended session. A
            session that the service has forgotten gives a failed result with the code
            ``InvalidMcpSession.NotFound``.
        """
        session_id = self.session_id
        try:
            reply = await self._agent_bay._rpc.call(GetSessionDetail(session_id=session_id))
        except NotFoundError as exc:
            return SessionStatusResult.failure(
                f"Session {session_id} not found",
                exc,
                code=Code.SESSION_NOT_FOUND,
                http_status_code=exc.http_status or 400,
            )
        except AgentBayError as exc:
            return SessionStatusResult.failure(
                f"Failed to get session status {session_id}: {exc}", exc
            )
        if reply.refusal is not None:
            return SessionStatusResult.failure(
                refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
            )
        status = reply.data.status if reply.data is not None else ""
        return SessionStatusResult(reply.request_id, reply.http_status, reply.code, True, status)

    async def delete(self) -> DeleteResult:
        """End the session and wait until it is gone.

        Deleting a session that is already gone succeeds.

        Returns:
            Whether it is gone; failures of the service or the network are results.
        """
        try:
            reply = await self._agent_bay._rpc.call(DeleteSessionAsync(session_id=self.session_id))
        except NotFoundError as exc:
            return DeleteResult(exc.request_id, True)
        except AgentBayError as exc:
            return DeleteResult.failure(f"Failed to delete session {self.session_id}: {exc}", exc)
        if reply.refusal is not None:
            code = reply.refusal.code or "Unknown"
            detail = reply.refusal.detail or "Failed to delete session"
            return DeleteResult.failure(
                f"[{code}] {detail}", reply.refusal, request_id=reply.request_id
            )
        gone = await poll(
            self._is_gone,
            timeout=DELETE_TIMEOUT,
            first_pause=DELETE_FIRST_PAUSE,
            max_pause=DELETE_MAX_PAUSE,
        )
        if not gone:
            return DeleteResult.failure(
                f"Timeout waiting for session deletion after {DELETE_TIMEOUT}s",
                request_id=reply.request_id,
            )
        return DeleteResult(reply.request_id, True)

    async def _is_gone(self) -> bool | None:
        status = await self.get_status()
        if status.success:
            return status.status == "FINISH" or None
        known_gone = status.code == Code.SESSION_NOT_FOUND
        return known_gone or "not found" in status.error_message.lower() or None

    async def list_mcp_tools(self, image_id: str | None = None) -> McpToolsResult:
        """List the tools of an image, and remember them as :attr:`mcp_tools`.

        Args:
            image_id: The image; the session's own by default.

        Raises:
            SessionError: the service could not be asked, or its answer cannot be read.
        """
        request = ListMcpTools(image_id=image_id or self._image_id or DEFAULT_IMAGE)
        try:
            reply = await self._agent_bay._rpc.call(request)
        except AgentBayError as exc:
            raise SessionError(f"Failed to list MCP tools: {exc}") from exc
        if reply.refusal is not None:
            return McpToolsResult.failure(
                refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
            )
        self._tools[:] = mcp_tools(reply.data or ())
        return McpToolsResult(reply.request_id, list(self._tools), True)

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
        the tool, the service or the network are results, never raised.

        Args:
            tool_name: The tool, one of :attr:`mcp_tools`.
            args: Its arguments; anything that JSON can say.
            read_timeout: Seconds to wait for the answer; 900 on the direct way, else the
                client's timeout.
            connect_timeout: Seconds to wait for a connection; the client's timeout by default.
            auto_gen_session: Let the service create the session if it is gone.

        Returns:
            The tool's readable output, or why it failed.
        """
        server = next((tool.server for tool in self._tools if tool.name == tool_name), "")
        return await self._agent_bay._tools.call(
            ToolCall(
                session_id=self.session_id,
                name=tool_name,
                args=args,
                server=server,
                link_url=self.link_url,
                token=self.token,
                read_timeout=read_timeout,
                connect_timeout=connect_timeout,
                auto_gen_session=auto_gen_session,
            )
        )


def mcp_tools(listed: tuple[ToolListing, ...]) -> list[McpTool]:
    """Return the public form of a tool list."""
    return [
        McpTool(tool.name, tool.description, dict(tool.input_schema), tool.server, tool.tool)
        for tool in listed
    ]


def refusal_text(refusal: ServiceError) -> str:
    """Return the documented text of a refusal that came with HTTP 200."""
    message = refusal.detail or "Unknown error"
    return f"[{refusal.code}] {message}" if refusal.code else message
