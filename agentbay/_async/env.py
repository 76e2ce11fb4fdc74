"""Environment variables of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._wire.tools.system import EnvVariable, GetEnv, SetEnv
from agentbay.models.env import EnvResult
from agentbay.models.results import BoolResult
from agentbay.models.session import McpTool

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay._wire.tools.base import Tool
    from agentbay.models.session import McpToolResult

__all__ = ("AsyncEnv",)


class AsyncEnv:
    """The environment variables that everything started in one session gets to see.

    What runs already keeps its own. Variables given with one command win for that command.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose variables these are."""
        return self._session

    async def set(self, envs: dict[str, str]) -> BoolResult:
        """Set variables, on top of those that are set; none can be removed.

        Failures of the service or the network are results.

        Args:
            envs: Values by names, at least one.

        Raises:
            ValueError: *envs* is empty, or has something else than strings.
        """
        if not envs:
            raise ValueError("envs must not be empty")
        for key, value in envs.items():
            _require_text("keys", key, key)
            _require_text("values", value, key)
        result = await self._call(SetEnv(envs=[EnvVariable(*item) for item in envs.items()]))
        if result.success:
            return BoolResult(result.request_id, True, True)
        message = result.error_message or "Failed to set environment variables"
        return BoolResult.failure(
            message, result.exception, request_id=result.request_id, data=False
        )

    async def get(self, keys: list[str] | None = None) -> EnvResult:
        """Return variables; failures are results.

        Args:
            keys: The names wanted; those that are not set are left out. All variables by default.
        """
        result = await self._call(GetEnv(keys=keys or None))
        if result.success:
            return EnvResult(result.request_id, True, GetEnv.parse(result.data))
        message = result.error_message or "Failed to get environment variables"
        return EnvResult.failure(message, result.exception, request_id=result.request_id)

    async def _call(self, tool: Tool) -> McpToolResult:
        tools = self._session.mcp_tools
        if all(known.name != tool.tool_name for known in tools):
            # Services offer it without saying so; with its server it goes the direct way.
            tools.append(McpTool(name=tool.tool_name, server=tool.server))
        return await self._session.call_mcp_tool(tool.tool_name, tool.arguments())


def _require_text(what: str, value: object, key: object) -> None:
    if not isinstance(value, str):
        raise ValueError(
            f"All environment variable {what} must be strings, "
            f"got {type(value).__name__} for key '{key}'"
        )
