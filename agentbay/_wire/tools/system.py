"""The tools about the session itself."""

from __future__ import annotations

from attrs import frozen

from agentbay._wire.tools.base import Tool

__all__ = ("GetMetrics",)


@frozen(kw_only=True)
class GetMetrics(Tool):
    """Return how much processor, memory, disk and network a session uses, as a JSON object."""

    tool_name = "get_metrics"
    server = "wuying_system"
