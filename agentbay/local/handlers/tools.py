"""Tools, on the API route; the direct route is in the gateway."""

from __future__ import annotations

from agentbay._wire.actions.tools import CallMcpTool, ListMcpTools, ToolListing, ToolPayload
from agentbay._wire.envelope import Reply
from agentbay.local.handlers.registry import Call, handles
from agentbay.local.images import resolve_image
from agentbay.local.tools.call import call_tool


@handles(CallMcpTool)
async def call_mcp_tool(call: Call, request: CallMcpTool) -> Reply[ToolPayload]:
    """Call a tool; that it fails is an answer and not an error."""
    session = call.services.sessions.get(request.session_id)
    return Reply(data=await call_tool(session, request.name, request.server, request.args))


@handles(ListMcpTools)
async def list_tools(_call: Call, request: ListMcpTools) -> Reply[tuple[ToolListing, ...]]:
    """List the tools of an image."""
    return Reply(data=resolve_image(request.image_id).profile.tools())
