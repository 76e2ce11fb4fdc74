"""Code execution whose output is told as it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._wire.channel import CHUNK_BYTES, MAX_FRAME_BYTES
from agentbay._wire.code_stream import (
    CANCEL_MODE,
    RunParams,
    end_fields,
    error_fields,
    result_fields,
)
from agentbay._wire.tools.code import RunCode, read_result
from agentbay.local.channel.registry import ChannelFailedError, Exchange, Kind, serves
from agentbay.local.kernels.kernel import Event, Failed, Shown, Wrote
from agentbay.local.tools.code import execute, outcome
from agentbay.local.tools.registry import ToolFailedError
from agentbay.models.code import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVELOPE_BYTES = 4096


@serves(RunCode.server, RunCode.tool_name, Kind.STREAM)
async def run_code(exchange: Exchange) -> Mapping[str, Any]:
    """Run code; it is interrupted when the client says so, or is gone."""
    params: RunParams = exchange.read_params(RunParams)
    tool = RunCode(code=params.code, language=params.language, timeout_s=params.timeout_s)
    ends: list[Mapping[str, Any]] = []
    failures: list[Exception] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_wait_cancel, exchange, group.cancel_scope)
        try:
            ends.append(await _Told(exchange, tool).run())
        except Exception as exc:  # noqa: BLE001 - raised below, without a group around it
            failures.append(exc)
        group.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not ends:
        raise ChannelFailedError("The code was interrupted by the client", "cancelled")
    return ends[0]


async def _wait_cancel(exchange: Exchange, scope: anyio.CancelScope) -> None:
    while (await exchange.receive()).get("mode") != CANCEL_MODE:
        pass
    scope.cancel()


class _Told:
    """An execution, and what the client has been told of it."""

    def __init__(self, exchange: Exchange, tool: RunCode) -> None:
        self._exchange = exchange
        self._tool = tool
        self._error: ExecutionError | None = None

    async def run(self) -> Mapping[str, Any]:
        """Run the code and return the end.

        Raises:
            ChannelFailedError: It was not run, or what became of it is not known.
        """
        place = self._exchange.place
        try:
            ended = await execute(self._tool, place, self._take)
        except ToolFailedError as exc:
            raise ChannelFailedError(exc.text) from exc
        answer = outcome(self._tool, place, ended, self._error)
        if answer.error is not None:
            fields = error_fields(answer.error, answer.trace_id)
            await self._exchange.event("error", **_sendable(fields))
        return _sendable(end_fields(answer))

    async def _take(self, event: Event) -> None:
        if isinstance(event, Wrote):
            for start in range(0, len(event.chunk), CHUNK_BYTES):
                chunk = event.chunk[start : start + CHUNK_BYTES]
                await self._exchange.event(event.stream, **_sendable({"chunk": chunk}))
        elif isinstance(event, Failed):
            self._error = ExecutionError(event.name, event.value, event.traceback)
        else:
            await self._show(event)

    async def _show(self, event: Shown) -> None:
        result = read_result(event.mime, is_main=event.is_main, short_names=False)
        fields = _sendable(result_fields(result))
        size = len(json.dumps(fields, ensure_ascii=False).encode())
        if size <= MAX_FRAME_BYTES - _ENVELOPE_BYTES:
            await self._exchange.event("result", **fields)
            return
        self._error = ExecutionError(
            "ResultTooLargeError",
            f"A result of {size} bytes ({', '.join(result.mime_bundle())}) is too large for a "
            "stream; run the code without streaming, or write it to a file",
        )


def _sendable(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace halves of surrogate pairs, which programs can write and which do not travel."""
    text = json.dumps(fields, ensure_ascii=False)
    sendable: dict[str, Any] = json.loads(text.encode(errors="replace"))
    return sendable
