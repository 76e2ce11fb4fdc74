"""Asking again when the service says that it is unavailable for the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from agentbay._transport.deadline import Deadline
from agentbay._wire.envelope import Code
from agentbay.errors import ServiceError

if TYPE_CHECKING:
    from agentbay._transport.rpc import Rpc
    from agentbay._wire.envelope import Reply
    from agentbay._wire.request import Request

__all__ = ("call_patiently",)

DataT = TypeVar("DataT")

PAUSES = (0.2, 0.4)
UNAVAILABLE = 503


async def call_patiently(rpc: Rpc, request: Request[DataT]) -> Reply[DataT]:
    """Call an action that may be repeated without harm, up to three times within one deadline.

    Raises:
        AgentBayError: as a single call does.
    """
    deadline = Deadline.after(rpc.timeout)
    for pause in PAUSES:
        try:
            return await rpc.call(request, timeout=deadline.remaining())
        except ServiceError as exc:
            is_passing = exc.http_status == UNAVAILABLE or Code.UNAVAILABLE in exc.code
            if not is_passing or deadline.remaining() <= pause:
                raise
        await anyio.sleep(pause)
    return await rpc.call(request, timeout=deadline.remaining())
