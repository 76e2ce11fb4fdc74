"""The tools about the session itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import field, frozen

from agentbay._wire.codec import WireObject
from agentbay._wire.tools.base import Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("EnvVariable", "GetEnv", "GetMetrics", "SetEnv")


@frozen(kw_only=True)
class GetMetrics(Tool):
    """Return how much processor, memory, disk and network a session uses, as a JSON object."""

    tool_name = "get_metrics"
    server = "wuying_system"


@frozen
class EnvVariable(WireObject):
    """One environment variable."""

    pascal_case = False

    key: str
    value: str = field(repr=False)


@frozen(kw_only=True)
class SetEnv(Tool):
    """Set environment variables for all that is started in the session from now on."""

    tool_name = "set_env"
    server = "wuying_system"

    envs: list[EnvVariable]


@frozen(kw_only=True)
class GetEnv(Tool):
    """Return environment variables of the session as a JSON object."""

    tool_name = "get_env"
    server = "wuying_system"

    keys: list[str] | None = None
    """The names wanted; all when there are none."""

    @staticmethod
    def parse(text: str) -> dict[str, str]:
        """Return the variables in *text*; none if it says something else."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in found.items()
        }

    @staticmethod
    def format(variables: Mapping[str, str]) -> str:
        """Return *variables* as text; the reverse of :meth:`parse`."""
        return json.dumps(dict(variables), ensure_ascii=False)
