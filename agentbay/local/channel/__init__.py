"""The WebSocket of a session: terminals, background commands, and whatever else streams.

To add to it, write a module here with functions marked by `registry.serves`, and import it below::

    @serves("wuying_codespace", "run_code", Kind.STREAM)
    async def run_code(exchange: Exchange) -> Mapping[str, Any]:
        ...exchange.params, exchange.place.sandbox, exchange.session...
        await exchange.event("stdout", chunk="tick")      # as many as needed
        return {"executionCount": 1}                      # the end of the stream

- ``Kind.CALL``: what it returns becomes ``{"result": ...}``.
- ``Kind.STREAM``: it sends events and returns the fields of the end. More frames of the client for
  the same exchange come out of `Exchange.receive`.
- ``Kind.MESSAGE``: no answer. It runs in the order of arrival and must not wait: the
  connection is not read meanwhile.

It fails with a `ChannelFailedError`; errors of the sandbox's worker are told in their own words.
It is cancelled when the client is gone. The session counts as used while it runs. What outlives a
connection is in ``exchange.channel``, such as its ``tasks``. To say something unasked:
``await exchange.connection.push(target, data)``; ``connection.on_close`` takes what to do when
the client is gone. Keep frames small: `agentbay._wire.channel.CHUNK_BYTES`.
"""

from __future__ import annotations

# Importing them registers what they serve.
from agentbay.local.channel import code, file_changes, processes, terminals

__all__ = ("code", "file_changes", "processes", "terminals")
