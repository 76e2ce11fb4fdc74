"""Which function handles which action, and what it gets to do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import define, field, frozen

from agentbay._wire.catalogue import REQUESTS
from agentbay._wire.envelope import Reply
from agentbay._wire.request import Request
from agentbay.local.contexts.service import Contexts
from agentbay.local.links import Links
from agentbay.local.sessions import SessionTable
from agentbay.local.store import Store

__all__ = ("Call", "Services", "handled_actions", "handler_of", "handles")

RequestT = TypeVar("RequestT", bound=Request[Any])


@frozen
class Services:
    """The parts of the runtime that handlers work with.

    Attributes:
        endpoint: The runtime's own address, as clients see it.
    """

    sessions: SessionTable
    store: Store
    contexts: Contexts
    links: Links
    endpoint: str


@define(eq=False)
class Call:
    """One request being handled.

    Attributes:
        disk_bytes: How much a session that is made can write, if that is other than usual.
        undo: What to do if the reply cannot be delivered: then nobody knows what was made.
    """

    services: Services
    disk_bytes: int | None = None
    undo: list[Callable[[], None]] = field(factory=list)


Handler = Callable[[Call, RequestT], Awaitable[Reply[Any]]]
"""Carries out one action."""

_HANDLERS: dict[type[Request[Any]], Handler[Any]] = {}


def handles(kind: type[RequestT]) -> Callable[[Handler[RequestT]], Handler[RequestT]]:
    """Register the decorated function as the handler of *kind*."""

    def register(handler: Handler[RequestT]) -> Handler[RequestT]:
        _HANDLERS[kind] = handler
        return handler

    return register


def handler_of(kind: type[Request[Any]]) -> Handler[Any] | None:
    """Return the handler of *kind*; ``None`` when the runtime does not offer that action."""
    return _HANDLERS.get(kind)


def handled_actions() -> list[str]:
    """Return the names of the actions that the runtime offers."""
    return sorted(name for name, kind in REQUESTS.items() if kind in _HANDLERS)
