"""What the actions do: one function per action, found by the class of the request."""

from __future__ import annotations

# Importing them registers what they handle.
from agentbay.local.handlers import contexts, labels, lifecycle, links, session, tools

__all__ = ("contexts", "labels", "lifecycle", "links", "session", "tools")
