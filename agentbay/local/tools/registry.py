"""Which tools the runtime can run, and what running one means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from attrs import frozen

from agentbay._wire.catalogue import TOOLS
from agentbay._wire.tools.base import Tool, tool_error
from agentbay.local.kernels.kernel import Kernels
from agentbay.local.sandbox.base import Limits, Sandbox

__all__ = ("ToolFailedError", "Workplace", "offered_tools", "runner_of", "runs")

ToolT = TypeVar("ToolT", bound=Tool)


class ToolFailedError(Exception):
    """The tool did not do what was asked; `text` is its answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @classmethod
    def of_code(cls, code: int, message: str) -> ToolFailedError:
        """Return the failure in the form of the service."""
        return cls(tool_error(code, message))


@frozen
class Workplace:
    """Where a tool runs."""

    sandbox: Sandbox
    limits: Limits
    kernels: Kernels


Runner = Callable[[ToolT, Workplace], Awaitable[str]]
"""Runs one tool and returns its text."""

_RUNNERS: dict[type[Tool], Runner[Any]] = {}


def runs(kind: type[ToolT]) -> Callable[[Runner[ToolT]], Runner[ToolT]]:
    """Register the decorated function as the way to run *kind*."""

    def register(runner: Runner[ToolT]) -> Runner[ToolT]:
        _RUNNERS[kind] = runner
        return runner

    return register


def runner_of(kind: type[Tool]) -> Runner[Any]:
    """Return how *kind* is run; only for tools that are offered."""
    return _RUNNERS[kind]


def offered_tools(servers: Iterable[str]) -> list[type[Tool]]:
    """Return the tools of these servers that can be run here, in the order of the protocol."""
    wanted = frozenset(servers)
    return [kind for kind in TOOLS.values() if kind.server in wanted and kind in _RUNNERS]
