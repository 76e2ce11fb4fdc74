"""The tools of sessions: from checked arguments to calls of the worker, and back to text."""

from __future__ import annotations

# Importing them registers what they run.
from agentbay.local.tools import changes, code, environment, files, metrics, shell

__all__ = ("changes", "code", "environment", "files", "metrics", "shell")
