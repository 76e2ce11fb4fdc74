"""What the text of a tool means to somebody who called it by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._wire.tools.base import Tool
from agentbay._wire.tools.code import RunCode
from agentbay._wire.tools.shell import Shell

if TYPE_CHECKING:
    from agentbay._wire.tools.base import ToolText

__all__ = ("tool_text",)

_READERS: dict[str, type[Tool]] = {kind.tool_name: kind for kind in (RunCode, Shell)}
"""Tools whose text is more than their output."""


def tool_text(name: str, text: str, *, is_error: bool) -> ToolText:
    """Return what the text of tool *name* means, also for tools that are not described here."""
    return _READERS.get(name, Tool).read_text(text, is_error=is_error)
